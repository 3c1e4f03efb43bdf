"""Catch-up: fold the events that read models have not seen into their rows, each event exactly once.

Whoever catches a journal up locks its checkpoints first, reads the events after them, and writes rows and checkpoints
in one transaction: any number of readers and projectors may do so at once, on any worker.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg

from eventstore.bulk import chunked
from eventstore.codec import RecordedEvent
from eventstore.database import Database, Transaction
from eventstore.keys import Keyring
from eventstore.sql import statement
from eventstore.store import READ_JOURNALS, decode_rows

EVENTS_MAX: Final = 2_000
"""Folded in one transaction; bounds memory and how long checkpoints stay locked."""
TURN_EVENTS: Final = 100
"""Decoded and folded at a stretch, which takes some milliseconds; then it is others' turn."""
JOURNALS_MAX: Final = 200
FIRST_JOURNAL: Final = UUID(int=0)

_LOCK = statement(__package__, "lock_checkpoints")
_CREATE = statement(__package__, "create_checkpoints")
_MOVE = statement(__package__, "move_checkpoints")
_FIND_STALE = statement(__package__, "find_stale_journals")

Project = Callable[[Transaction, Sequence[RecordedEvent]], Awaitable[None]]


@dataclass(frozen=True)
class ReadModel:
    """What can be read of journals of one kind: its tables, and how events change them.

    A new `version` has its tables made anew and filled from the events, beside those that are read until then.
    `counted`: the condition (SQL) of rows that follow from events alone; others may be gone by now.
    """

    name: str
    kind: str
    version: int
    tables: tuple[str, ...]
    project: Project
    counted: str = "true"

    @property
    def definition(self) -> str:
        """The SQL that creates the tables."""
        return statement(__package__, f"create_{self.name}")


class Engine:
    """Keeps the read models up with their journals."""

    def __init__(self, database: Database, keyring: Keyring, read_models: Sequence[ReadModel]) -> None:
        self._database = database
        self._keyring = keyring
        self._read_models = {model.name: model for model in read_models}
        tables = ", ".join(sorted(table for model in read_models for table in model.tables))
        self._lock_tables = f"LOCK TABLE {tables} IN ACCESS SHARE MODE"
        self._models_of_kind: dict[str, set[str]] = {}
        for model in read_models:
            self._models_of_kind.setdefault(model.kind, set()).add(model.name)

    async def catch_up(self, journal_ids: Collection[UUID]) -> None:
        """Bring every read model of these journals up to their heads as they were at the call, or later.

        Raises: StoreUnavailable.
        """
        for chunk in _chunks(sorted(journal_ids), JOURNALS_MAX):
            while not await self._step(chunk):
                pass

    async def fetch_fresh(self, sql: str, *arguments: Any) -> Sequence[asyncpg.Record]:
        """Run a query whose rows name the journals that were behind (`stale_journals`); never answer from those.

        One round trip where nothing is behind, which is the rule.
        """
        rows = await self._database.fetch(sql, *arguments)
        caught_up: set[UUID] = set()
        while stale := set((rows and rows[0]["stale_journals"]) or ()) - caught_up:
            await self.catch_up(stale)  # it may bring up others: who has just joined a book has a journal too
            caught_up |= stale
            rows = await self._database.fetch(sql, *arguments)
        return rows

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[asyncpg.Record]:
        """Run a query about what cannot have changed since the caller's fetch_fresh."""
        return await self._database.fetch(sql, *arguments)

    def decode(self, rows: Iterable[asyncpg.Record]) -> list[RecordedEvent]:
        """Decode stored events that a query brought, each with its journal's wrapped key beside it."""
        return decode_rows(rows, self._keyring)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Transaction]:
        """See the database as it is at one moment; fetch_fresh before it makes sure that nothing older is seen."""
        async with self._database.snapshot() as snapshot:
            # Takes no snapshot yet: a generation that took their place after it would be empty to whoever has one.
            await snapshot.execute(self._lock_tables)
            yield snapshot

    async def find_stale(self, after: UUID, journals_max: int) -> tuple[list[UUID], UUID | None]:
        """Look at the next journals in the order of their ids.

        Returns: the stale ones, and where to go on; None at the end.
        """
        rows = await self._database.fetch(_FIND_STALE, after, journals_max)
        last = rows[-1]["journal_id"] if rows else None
        return [row["journal_id"] for row in rows if row["stale"]], last

    async def _step(self, journal_ids: Sequence[UUID], *, begun: bool = False) -> bool:
        """Fold at most EVENTS_MAX events. Returns: whether nothing is left to do."""
        async with self._database.transaction() as transaction:
            locked = await transaction.fetch(_LOCK, journal_ids)
            # Those of another version of the code, which this one cannot fold, are left to it.
            known = [row for row in locked if self._folds(row["read_model"], row["version"])]
            checkpoints = {(row["journal_id"], row["read_model"]): row["position"] for row in known}
            if begun or self._complete(journal_ids, checkpoints):
                return await self._fold(transaction, checkpoints)
        # Rows to lock must exist first. They are made in a transaction of their own, which holds no locks and so
        # cannot deadlock with those who wait for them; journals that no read model reads get none.
        await self._database.fetch(_CREATE, journal_ids)
        return await self._step(journal_ids, begun=True)

    def _folds(self, name: str, version: int) -> bool:
        model = self._read_models.get(name)
        return model is not None and model.version == version

    def _complete(self, journal_ids: Sequence[UUID], checkpoints: Collection[tuple[UUID, str]]) -> bool:
        begun: dict[UUID, set[str]] = {}
        for journal_id, read_model in checkpoints:
            begun.setdefault(journal_id, set()).add(read_model)
        kinds = self._models_of_kind.values()
        return all(any(names <= begun.get(journal_id, set()) for names in kinds) for journal_id in journal_ids)

    async def _fold(self, transaction: Transaction, checkpoints: dict[tuple[UUID, str], int]) -> bool:
        afters: dict[UUID, int] = {}
        for (journal_id, _), position in checkpoints.items():
            afters[journal_id] = min(position, afters.get(journal_id, position))
        rows = await transaction.fetch(READ_JOURNALS, list(afters), list(afters.values()), EVENTS_MAX)
        if not rows:
            return True
        reached: dict[UUID, int] = {}
        for turn in chunked(rows, TURN_EVENTS):
            events = decode_rows(turn, self._keyring)
            await self._project(transaction, events, checkpoints)
            reached |= {event.journal_id: event.position for event in events}
        # Where the read models of a journal are at different places, those ahead stay: nothing was folded into them.
        moved = [
            (journal_id, name, reached[journal_id])
            for (journal_id, name), position in checkpoints.items()
            if reached.get(journal_id, 0) > position
        ]
        await transaction.execute(_MOVE, *zip(*moved, strict=True))
        return len(rows) < EVENTS_MAX

    async def _project(
        self, transaction: Transaction, events: Sequence[RecordedEvent], checkpoints: dict[tuple[UUID, str], int]
    ) -> None:
        """Hand each read model those events that it has not seen."""
        for name, model in self._read_models.items():
            unseen = [
                event for event in events if event.position > checkpoints.get((event.journal_id, name), event.position)
            ]
            if unseen:
                await model.project(transaction, unseen)


def _chunks(items: Sequence[UUID], size: int) -> Iterator[Sequence[UUID]]:
    return (items[start : start + size] for start in range(0, len(items), size))
