"""Several projectors: they share a backlog, one that dies or hangs holds nobody up, and each event counts once."""

import asyncio
import signal

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from eventstore.store import Change
from tests.conftest import MASTER_KEY
from tests.contract.books import opened
from tests.fault.processes import running_command
from tests.fault.until import until
from tests.told import a_posting, an_entry

BOOKS, ENTRIES = 400, 60
STARTED = r"(projecting)\n"
CAUGHT_UP = "SELECT NOT EXISTS (SELECT FROM readmodels.heads WHERE stale)"
BEGUN = "SELECT EXISTS (SELECT FROM readmodels.entries)"
HOLDING = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in tr%')"
IDLE_SECONDS_MAX = 10


@pytest.fixture
async def watching(dsn):
    """A connection of the database's owner."""
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def backlog(store, metadata):
    """Books that no projector has seen."""
    for _ in range(BOOKS):
        book = await opened(store, metadata)
        entries = [Change(book.id, an_entry(uuid7(), posting=a_posting(1))) for _ in range(ENTRIES)]
        await store.append(metadata, entries)


async def counted(connection):
    """How often events were counted: in the books, in the totals, and as entries."""
    return tuple(
        await connection.fetchrow(
            "SELECT (SELECT sum(entry_count) FROM readmodels.books)::int,"
            " (SELECT sum(entry_count) FROM readmodels.totals WHERE grain = 'day')::int,"
            " (SELECT count(*) FROM readmodels.entries)::int"
        )
    )


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
async def test_projector_that_dies_or_hangs_in_the_middle_leaves_the_rest_to_another(
    tmp_path, dsn, backlog, watching, end
):
    settings = {"database_url": dsn, "master_key": MASTER_KEY.text, "data_dir": tmp_path}
    async with running_command(tmp_path, STARTED, "project", **settings) as (first, _):
        await until(lambda: watching.fetchval(BEGUN))
        await stopped_while_holding(first, watching)
        assert not await watching.fetchval(CAUGHT_UP)
        if end == signal.SIGKILL:
            first.kill()
            await first.wait()
        async with running_command(tmp_path, STARTED, "project", **settings):
            await until(lambda: watching.fetchval(CAUGHT_UP), IDLE_SECONDS_MAX + 20)
            assert (BOOKS * ENTRIES,) * 3 == await counted(watching)
            if end == signal.SIGSTOP:
                first.send_signal(signal.SIGCONT)  # it finds its transaction gone, and goes on
                await until(lambda: watching.fetchval(CAUGHT_UP))
                assert (BOOKS * ENTRIES,) * 3 == await counted(watching)


async def stopped_while_holding(process, watching):
    """Stop a projector where it has checkpoints locked and no statement under way."""
    while True:
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.05)  # for what the database is still busy with
        if await watching.fetchval(HOLDING):
            return
        process.send_signal(signal.SIGCONT)
        await asyncio.sleep(0.005)


async def test_two_projectors_share_a_backlog_and_count_each_event_once(tmp_path, dsn, backlog, watching):
    settings = {"database_url": dsn, "master_key": MASTER_KEY.text, "data_dir": tmp_path}
    async with (
        running_command(tmp_path, STARTED, "project", **settings),
        running_command(tmp_path, STARTED, "project", **settings),
    ):
        await until(lambda: watching.fetchval(CAUGHT_UP))
        assert (BOOKS * ENTRIES,) * 3 == await counted(watching)
