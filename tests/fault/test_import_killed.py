"""`kill -9` of the service, or of its connection, midway in an import: nothing is there, and it can come again."""

import asyncio
import io

import aiohttp
import asyncpg
import pytest

from tests.conftest import MASTER_KEY
from tests.fault.processes import ask, open_book, running_service, sign_up_and_in
from tests.fault.until import until

LINES = 40_000
FILE = "".join(f"{number + 1},2026-03-05,{number}\n" for number in range(LINES))
RECORDING = "SELECT pid FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND query LIKE '%append_more(%'"
"""The import's transaction, once it has recorded a chunk."""


async def upload(client, token, book):
    """Returns: the status, or None where no answer came; and the body."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/csv"}
    body = io.BytesIO(f"amount,occurred_on,memo\n{FILE}".encode())
    try:
        async with client.post(f"/books/{book}/imports", data=body, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)
    except (aiohttp.ClientError, OSError):
        return None, None


@pytest.fixture
async def watcher(dsn):
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


@pytest.mark.parametrize("victim", ["service", "connection"])
async def test_import_killed_midway_leaves_nothing_and_can_come_again(tmp_path, dsn, watcher, victim):
    settings = {"database_url": dsn, "master_key": MASTER_KEY.text}
    async with running_service(tmp_path, **settings) as service:
        token = await sign_up_and_in(service.client())
        book = await open_book(service.client(), token)
        written = "SELECT count(*) FROM eventstore.events WHERE journal_id = $1"
        before = await watcher.fetchval(written, book)
        importing = asyncio.create_task(upload(service.client(), token, book))
        pid = await until(lambda: watcher.fetchval(RECORDING))
        if victim == "service":
            await service.kill()
        else:
            await watcher.execute("SELECT pg_terminate_backend($1, 5000)", pid)
        assert (await importing)[0] == (None if victim == "service" else 503)
        await until(lambda: watcher.fetchval(f"SELECT NOT EXISTS ({RECORDING})"))
        assert before == await watcher.fetchval(written, book)
    async with running_service(tmp_path, **settings) as service:
        status, imported = await upload(service.client(), token, book)
        assert (201, LINES, 0) == (status, imported["created"], imported["duplicates"])
        status, totals = await ask(service.client(), "GET", f"/books/{book}/totals", token=token)
        assert (200, str(LINES * (LINES + 1) // 2)) == (status, totals["income"])
