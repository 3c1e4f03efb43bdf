"""The service's own append: ready events to bytes, into a batch, committed."""

import gc
import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
from eventsourcing.domain import event
from uuid_utils.compat import uuid7

from bench.clock import Figures, run_tasks
from eventstore.aggregate import Aggregate, Created
from eventstore.codec import Metadata
from eventstore.database import open_database
from eventstore.keys import KEY_BYTES, Keyring, MasterKey
from eventstore.migrate import migrate
from eventstore.store import Change, EventStore

POOL_SIZE = 4
RATE_MAX = 30_000  # appends per second that events are made for, before the clock runs


class Sheet(Aggregate):
    """The root of a journal."""

    TOPIC = "bench_sheet"

    class Opened(Created):
        TOPIC = "bench_sheet.opened"

    @event(Opened)
    def __init__(self, id: UUID) -> None:  # noqa: A002 - the library's name for it
        pass


class Row(Aggregate):
    """A stream of one event, whose state is as large as that of the other contenders."""

    TOPIC = "bench_row"

    class Recorded(Created):
        TOPIC = "bench_row.recorded"
        amount_minor: int
        kind: str
        memo: str
        occurred_on: str
        tags: list[str]

    @event(Recorded)
    def __init__(
        self,
        id: UUID,  # noqa: A002 - the library's name for it
        amount_minor: int,
        kind: str,
        memo: str,
        occurred_on: str,
        tags: list[str],
    ) -> None:
        pass


async def run(dsn: str, writers: int, seconds: float, *, journals: int) -> Figures:
    """Append as fast as the writers can, to so many journals by turns."""
    metadata = Metadata(uuid7(), str(uuid7()))
    async with _store(dsn) as store:
        journal_ids = itertools.cycle([await _open_journal(store, metadata) for _ in range(journals)])
        # The domain's work is not the append's: it is done before, as it is for the other contenders.
        rows = iter([_row() for _ in range(int(seconds * RATE_MAX))])
        gc.freeze()

        async def write() -> None:
            await store.append(metadata, [Change(next(journal_ids), next(rows, None) or _row())])

        return await run_tasks(write, writers, seconds)


@asynccontextmanager
async def _store(dsn: str) -> AsyncIterator[EventStore]:
    connection = await asyncpg.connect(dsn)
    await migrate(connection)
    await connection.close()
    async with open_database(dsn, POOL_SIZE) as database:
        store = EventStore(database, Keyring(MasterKey(os.urandom(KEY_BYTES))))
        yield store
        await store.close()


async def _open_journal(store: EventStore, metadata: Metadata) -> UUID:
    sheet = Sheet(uuid7())
    await store.append(metadata, [Change(sheet.id, sheet)])
    return sheet.id


def _row() -> Row:
    return Row(uuid7(), 12_500, "expense", "bench 00001", "2026-11-23", [])
