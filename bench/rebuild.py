"""Rebuilds of read models from many journals, beside the same rows made by one SQL statement of their JSON."""

import asyncio
import base64
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import psutil
from uuid_utils.compat import uuid7

from bench.household import household
from bench.lifecycle import MASTER_KEY, service_env
from bench.system import database
from eventstore.codec import Metadata, PlainEvent
from eventstore.database import open_database
from eventstore.keys import Keyring, MasterKey
from eventstore.store import Change, EventStore, Guard
from ledger.book import Book
from ledger.entry import Entry, Posting
from projections.rebuild import Progress, rebuild, verify
from service import READ_MODELS, Settings, open_rebuilding

JOBS = 2
JOURNALS = 2_000
SAMPLE_SECONDS = 0.1
MODELS = ("entries", "totals")

LIMIT = """CREATE TABLE limit_of_totals AS
WITH changes AS (
    SELECT journal_id, convert_from(state, 'UTF8')::jsonb AS state FROM eventstore.events WHERE topic LIKE 'entry.%'
), postings AS (
    SELECT journal_id, state -> 'adds' AS posting, 1 AS sign, state ->> 'actor' AS member FROM changes
    UNION ALL SELECT journal_id, state -> 'removes', -1, state ->> 'actor' FROM changes
)
SELECT journal_id, (posting ->> 'occurred_on')::date AS starts_on, posting ->> 'category_id' AS category_id, member,
       sum(sign * (posting ->> 'amount_minor')::bigint) FILTER (WHERE posting ->> 'kind' = 'income') AS income_minor,
       sum(sign * (posting ->> 'amount_minor')::bigint) FILTER (WHERE posting ->> 'kind' = 'expense') AS expense_minor,
       sum(sign) AS entry_count
FROM postings WHERE posting <> 'null' GROUP BY 1, 2, 3, 4"""
"""By day only: as little as can be done to sum the same postings."""


@dataclass(frozen=True)
class Rebuild:
    """A rebuild of some read models, one after the other, and then the proof of each that it is equal."""

    events: int
    journals: int
    seconds: dict[str, float]  # of each phase, over all read models
    peak_mb: float  # of the largest process
    limit_seconds: float

    @property
    def rate(self) -> float:
        """Events that are in all of the read models, per second, from nothing until they are read."""
        return self.events / sum(seconds for phase, seconds in self.seconds.items() if phase != "comparing")

    @property
    def limit_rate(self) -> float:
        return self.events / self.limit_seconds


async def measure(folder: Path, events: int, step: Callable[[str], None]) -> Rebuild:
    """Fill journals with so many events, and rebuild what is read of them."""
    async with AsyncExitStack() as stack:
        found = await stack.enter_async_context(database(folder / "rebuild"))
        env = await service_env(found.dsn)
        journals = min(JOURNALS, events // 50)
        step(f"rebuild: filling {journals:,} journals with {events:,} events")
        await _fill(found.dsn, events, journals)
        step("rebuild: entries and totals")
        seconds, peak_mb = await _rebuild(found.dsn, env["GAGYEBU_MASTER_KEY"])
        step("rebuild: the same sums by SQL")
        return Rebuild(events, journals, seconds, peak_mb, await _limit(found.dsn))


async def _fill(dsn: str, events: int, journals: int) -> None:
    each = events // journals - 1
    entries = household(each)
    async with open_database(dsn, pool_size_max=4) as pool:
        store = EventStore(pool, Keyring(MasterKey(base64.b64decode(MASTER_KEY))))
        turns = asyncio.Semaphore(4)

        async def fill_one() -> None:
            async with turns:
                await _fill_journal(store, entries)

        await asyncio.gather(*(fill_one() for _ in range(journals)))
        await store.close()


async def _fill_journal(store: EventStore, entries: list[Any]) -> None:
    owner_id = uuid7()
    metadata = Metadata(owner_id, "bench")
    book = Book(
        id=uuid7(),
        name="Home",
        description="",
        currency="KRW",
        opening_balance_minor=0,
        owner_id=owner_id,
        categories=[],
    )
    await store.append(metadata, [Change(book.id, book)])
    kind, amount, day, *_ = entries[0]
    first = Entry(id=uuid7(), adds=Posting(amount, None, kind, day), memo="", tags=[], copied_from=None)
    await store.append_many(metadata, book.id, [first], _events(entries[1:]), [Guard(book.id, book.id, book.version)])


def _events(entries: list[Any]) -> Iterator[PlainEvent]:
    """Every fifth event changes the entry before it."""
    last: tuple[UUID, dict[str, Any]] | None = None
    for number, (kind, amount, day, category, memo, tags) in enumerate(entries):
        posting = {
            "amount_minor": amount,
            "kind": kind,
            "occurred_on": str(day),
            "category_id": str(UUID(int=abs(hash(category)))) if category else None,
        }
        if number % 5 == 4 and last:
            fields = {
                "removes": last[1],
                "adds": posting,
                "memo": memo,
                "tags": [tag for tag in tags.split(";") if tag],
            }
            yield PlainEvent(Entry.Amended, last[0], 2, fields)
            last = None
            continue
        last = (uuid7(), posting)
        fields = {"adds": posting, "memo": memo, "tags": [tag for tag in tags.split(";") if tag]}
        yield PlainEvent(
            Entry.Recorded, last[0], 1, {**fields, "copied_from": None, "batch_id": None, "transfer": None}
        )


async def _rebuild(dsn: str, master_key: str) -> tuple[dict[str, float], float]:
    """Returns: seconds of each phase, and the memory of the largest process in MB."""
    clock, settings = _Clock(), Settings(database_url=dsn, master_key=master_key)
    connection = await asyncpg.connect(dsn)
    async with open_rebuilding(settings, dsn, JOBS, clock.note) as tools:
        sampling = asyncio.create_task(clock.sample())
        for model in (model for model in READ_MODELS if model.name in MODELS):
            # As of another version: there is nothing to compare with yet.
            await connection.execute("UPDATE readmodels.read_models SET version = 0 WHERE name = $1", model.name)
            await rebuild(tools, model)
        rebuilt = dict(clock.seconds)
        for model in (model for model in READ_MODELS if model.name in MODELS):
            report = await verify(tools, model)
            assert report["outcome"] == "equal", report
        sampling.cancel()
    await connection.close()
    rebuilt["comparing"] = clock.seconds["comparing"]
    return {phase: round(seconds, 2) for phase, seconds in rebuilt.items()}, clock.peak_mb


class _Clock:
    """Tells how long each phase took, and what the processes used at most."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.peak_mb = 0.0
        self._phase, self._since = "", time.perf_counter()

    def note(self, progress: Progress) -> None:
        if progress.state != self._phase:
            now = time.perf_counter()
            if self._phase and self._phase != "done":
                self.seconds[self._phase] = self.seconds.get(self._phase, 0.0) + now - self._since
            self._phase, self._since = progress.state, now

    async def sample(self) -> None:
        """Look at the processes that fill, until cancelled."""
        while True:
            for child in psutil.Process(os.getpid()).children():
                try:
                    if "projections" in child.cmdline():
                        self.peak_mb = max(self.peak_mb, child.memory_info().rss / 1e6)
                except psutil.NoSuchProcess:
                    continue
            await asyncio.sleep(SAMPLE_SECONDS)


async def _limit(dsn: str) -> float:
    connection = await asyncpg.connect(dsn)
    began = time.perf_counter()
    await connection.execute("SET max_parallel_workers_per_gather = 0")
    await connection.execute(LIMIT)
    await connection.close()
    return time.perf_counter() - began
