"""`kill -9` of `gagyebu journal import` midway: nothing is there, and the same command then succeeds."""

import asyncio
import sys

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from eventstore.store import Change
from tests.conftest import MASTER_KEY
from tests.contract.books import opened
from tests.fault.processes import ROOT, environment, run_cli
from tests.fault.until import until
from tests.told import an_entry

ENTRIES = 20_000
APPENDED = 1_000
COPYING = (
    "SELECT pid FROM pg_stat_activity"
    " WHERE datname = current_database() AND backend_xid IS NOT NULL AND query LIKE 'COPY%'"
)
"""The import's transaction, once it has written something."""


@pytest.fixture
async def archive(tmp_path, dsn, store, metadata):
    """A file with a book of many entries."""
    book = await opened(store, metadata)
    for _ in range(ENTRIES // APPENDED):
        await store.append(metadata, [Change(book.id, an_entry(uuid7())) for _ in range(APPENDED)])
    return await exported(dsn, tmp_path / "archive.ndjson")


async def exported(dsn, path):
    words = ("journal", "export", "--all", "--with-keys", "--output", str(path))
    code, _, errors = await run_cli(*words, database_url=dsn, master_key=MASTER_KEY.text)
    assert 0 == code, errors
    return path


@pytest.fixture
async def watcher(empty_dsn):
    connection = await asyncpg.connect(empty_dsn)
    yield connection
    await connection.close()


async def test_import_of_an_archive_killed_midway_leaves_nothing_and_succeeds_when_run_again(
    tmp_path, archive, empty_dsn, watcher
):
    settings = {"database_url": empty_dsn, "master_key": MASTER_KEY.text}
    words = ("journal", "import", str(archive))
    command = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "service", *words, cwd=ROOT, env=environment(settings)
    )
    await until(lambda: watcher.fetchval(COPYING))
    command.kill()
    assert -9 == await command.wait()
    await until(lambda: watcher.fetchval(f"SELECT NOT EXISTS ({COPYING})"))
    for table in ("events", "journals", "journal_keys"):
        assert 0 == await watcher.fetchval(f"SELECT count(*) FROM eventstore.{table}")
    code, output, errors = await run_cli(*words, **settings)
    assert (0, f"imported 1 journals, {ENTRIES + 1} events\n") == (code, output), errors
    again = await exported(empty_dsn, tmp_path / "again.ndjson")
    assert archive.read_bytes() == again.read_bytes()
