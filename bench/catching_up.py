"""How soon the projector has folded a burst of events, and how far it lags behind a steady stream of them."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from uuid_utils.compat import uuid7

from bench import history
from bench.books import FIRST_DAY
from bench.lifecycle import MASTER_KEY, SERVE, service_env
from bench.load import percentile
from bench.system import caught_up, database, serving, watching
from eventstore.codec import Metadata
from eventstore.database import open_database
from eventstore.keys import Keyring, MasterKey
from eventstore.store import Change, EventStore
from ledger.book import Book
from ledger.entry import Entry, Posting

BURST_JOURNALS = 100
BURST_EVENTS = 50_000
BURST_SECONDS_MAX = 300.0
STEADY_RATE = 1_000
STEADY_BOOKS = 100
STEADY_SECONDS = 5.0
TICK_SECONDS = 0.01
LAGS = """SELECT coalesce(extract(epoch FROM clock_timestamp() - min(e.recorded_at)), 0)::float8
FROM heads h JOIN LATERAL (
    SELECT recorded_at FROM events e WHERE e.journal_id = h.journal_id
    AND e.position > coalesce((SELECT min(c.position) FROM checkpoints c WHERE c.journal_id = h.journal_id), 0)
    ORDER BY e.position LIMIT 1) AS e ON true
WHERE h.stale"""


@dataclass(frozen=True)
class CatchingUp:
    """A burst over many journals, the same in one, and the age of the oldest unfolded event meanwhile."""

    burst_events: int
    burst_s: float
    burst_in_one_s: float
    steady_rate: float
    lag_p50_ms: float
    lag_p99_ms: float


async def measure(folder: Path, events: int, step: Callable[[str], None]) -> CatchingUp:
    """Append as the store does, and watch the projector of a service that has nothing else to do."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        found = await enter(database(folder / "catching-up"))
        env = await service_env(found.dsn)
        await enter(serving(SERVE, folder / "catching-up.log", env))
        connection = await enter(watching(found.dsn))
        await _burst(found.dsn, connection, BURST_JOURNALS, 10)
        step(f"a burst of {events:,} events")
        burst_s = await _burst(found.dsn, connection, BURST_JOURNALS, events // BURST_JOURNALS)
        step(f"a burst of {events:,} events in one journal")
        burst_in_one_s = await _burst(found.dsn, connection, 1, events)
        step(f"{STEADY_RATE:,} creates a second")
        rate, lags = await _steady(found.dsn, connection)
    return CatchingUp(events, burst_s, burst_in_one_s, rate, percentile(lags, 0.5), percentile(lags, 0.99))


async def _burst(dsn: str, connection: asyncpg.Connection, journals: int, events_each: int) -> float:
    """Copy whole histories, tell the projector as append does. Returns: seconds from then on until all is folded."""
    await history.fill(dsn, MASTER_KEY, journals, events_each)
    began = time.perf_counter()
    await connection.execute("SELECT pg_notify('journals', '')")
    await caught_up(connection, BURST_SECONDS_MAX)
    return time.perf_counter() - began


async def _steady(dsn: str, connection: asyncpg.Connection) -> tuple[float, list[int]]:
    """Returns: creates a second as they were done, and the lags in ms, ascending."""
    async with open_database(dsn, 4) as pool:
        store = EventStore(pool, Keyring(MasterKey.from_text(MASTER_KEY)))
        metadata = Metadata(uuid7(), "bench")
        books = [await _open_book(store, metadata) for _ in range(STEADY_BOOKS)]
        await caught_up(connection)
        lags: list[int] = []
        pacing = asyncio.create_task(_append(store, metadata, books))
        while not pacing.done():
            lags.append(round(await connection.fetchval(LAGS) * 1_000))
            await asyncio.wait([pacing], timeout=TICK_SECONDS)
        rate = await pacing
        await store.close()
    return rate, sorted(lags)


async def _open_book(store: EventStore, metadata: Metadata) -> Book:
    book = history.open_book(uuid7(), metadata, [])
    await store.append(metadata, [Change(book.id, book)])
    return book


async def _append(store: EventStore, metadata: Metadata, books: list[Book]) -> float:
    """Record entries at a steady pace, whether those before are done or not. Returns: how many a second were done."""
    began, due = time.perf_counter(), 0
    async with asyncio.TaskGroup() as appends:
        while (now := time.perf_counter() - began) < STEADY_SECONDS:
            while due < now * STEADY_RATE:
                entry = Entry(uuid7(), Posting(12_500, None, "expense", FIRST_DAY), f"점심 {due}", ["식비"])
                appends.create_task(store.append(metadata, [Change(books[due % len(books)].id, entry)]))
                due += 1
            await asyncio.sleep(TICK_SECONDS)
    return due / (time.perf_counter() - began)
