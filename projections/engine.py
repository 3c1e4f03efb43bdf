"""Catch-up: fold the events that read models have not seen into their rows, each event exactly once.

Whoever catches a journal up locks its checkpoints first, reads the events after them, and writes rows and checkpoints
in one transaction: any number of readers and projectors may do so at once, on any worker. Readers wait for each
other, as they need the result; those in the background leave to others what others have locked, and so share the work.
"""

import re
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg
import structlog

from eventstore.bulk import chunked, in_slices
from eventstore.codec import RecordedEvent
from eventstore.database import Database, Transaction
from eventstore.keys import Keyring
from eventstore.sql import statement
from eventstore.store import READ_JOURNALS, decode_row, decode_rows
from eventstore.tasks import side_by_side
from projections.poison import (
    Poison,
    Project,
    ProjectionStopped,
    decode_until_poison,
    fold_until_poison,
    may_be_poison,
)

EVENTS_MAX: Final = 2_000
"""Folded in one transaction; bounds memory and how long checkpoints stay locked."""
BYTES_MAX: Final = 1024**2
"""Likewise, of stored state: the longest memos are a hundred times as long as most, of ten thousand terms each."""
TURN_EVENTS: Final = 250
"""Written by one statement for each read model."""
JOURNALS_MAX: Final = 200
LANES: Final = 2
"""Journals caught up side by side in the background: while one waits for the database, the other is folded."""
FIRST_JOURNAL: Final = UUID(int=0)

_LOCK = statement(__package__, "lock_checkpoints")
_LOCK_FREE = statement(__package__, "lock_free_checkpoints")
_CREATE = statement(__package__, "create_checkpoints")
_MOVE = statement(__package__, "move_checkpoints")
_FIND_STALE = statement(__package__, "find_stale_journals")
_FIND_DUE = statement(__package__, "find_due_journals")
_SAVE_POISONED = statement(__package__, "save_poisoned")
_DELETE_POISONED = statement(__package__, "delete_poisoned")
_LIST_KEPT_TABLES = statement(__package__, "list_kept_tables")
_RETRY_POISONED = statement(__package__, "retry_poisoned")

_log = structlog.get_logger("engine")

Pair = tuple[UUID, str]
"""A journal, and a read model of it."""


@dataclass(frozen=True)
class ReadModel:
    """What can be read of journals of one kind: its tables, and how events change them.

    A new `version` has its tables made anew and filled from the events, beside those that are read until then.
    `sealed`: whether its fold looks at sealed fields.
    `counted`: the condition (SQL) of rows that follow from events alone; others may be gone by now.
    Of a journal that is erased it has no rows, unless it `keeps_erased` ones, because it holds nothing personal and is
    needed on.
    """

    name: str
    kind: str
    version: int
    tables: tuple[str, ...]
    project: Project
    sealed: bool = True
    counted: str = "true"
    keeps_erased: bool = False

    @property
    def definition(self) -> str:
        """The SQL that creates the tables."""
        return statement(__package__, f"create_{self.name}")

    async def take(self, transaction: Transaction, events: Sequence[RecordedEvent], erased: Collection[UUID]) -> None:
        """Take events in; of an erased journal none, and what rows there are of it go, in all generations."""
        if erased and not self.keeps_erased:
            kept = [row["name"] for row in await transaction.fetch(_LIST_KEPT_TABLES, self.name)]
            for table in (*self.tables, *kept):  # journal_id is the first column of every key
                await transaction.execute(f"DELETE FROM {table} WHERE journal_id = ANY ($1)", list(erased))  # noqa: S608
            events = [event for event in events if event.journal_id not in erased]
        if events:
            await self.project(transaction, events)


class Readable(NamedTuple):
    """The events of one journal as far as they can be read, and what is to be known of them."""

    events: Sequence[RecordedEvent]
    unreadable: Poison | None
    erased: Collection[UUID]


@dataclass
class _Work:
    """A catch-up under way: how it locks, and what it has met."""

    lock: str
    held: set[UUID] = field(default_factory=set)
    """Journals that others have locked."""
    stopped: set[Pair] = field(default_factory=set)
    suspects: set[UUID] = field(default_factory=set)
    """Journals to be folded each by itself, because one of them has stopped or may have to."""

    def sort_out(self, rows: Iterable[asyncpg.Record]) -> dict[Pair, int]:
        """Note which checkpoints to leave alone, and why. Returns: the others, which all is well with."""
        free = {}
        for row in rows:
            pair = (row["journal_id"], row["read_model"])
            if row["position"] is None:
                self.held.add(row["journal_id"])
            elif row["resting"]:
                self.stopped.add(pair)
            elif pair in self.stopped:
                continue
            elif row["resting"] is None:
                free[pair] = row["position"]
            else:
                self.suspects.add(row["journal_id"])
        return free


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

        One that cannot take an event stops before it, in that journal alone. Raises: StoreUnavailable.
        """
        await self._work(journal_ids, _Work(_LOCK))

    async def work_off(self, journal_ids: Collection[UUID]) -> set[UUID]:
        """Catch up, but for what others are catching up just now, who then need not be waited for.

        Returns: the journals that were left to others. Raises: StoreUnavailable.
        """
        ids = sorted(journal_ids)
        works = await side_by_side(self._work(ids[lane::LANES], _Work(_LOCK_FREE)) for lane in range(LANES))
        return set[UUID]().union(*(work.held for work in works))

    async def retry_stopped(self) -> None:
        """Have read models that stopped tried again: new code may take what the old one could not."""
        await self._database.fetch(_RETRY_POISONED)

    async def find_due(self) -> list[UUID]:
        """Find the journals in which a read model stopped and is to be tried again by now."""
        return [row["journal_id"] for row in await self._database.fetch(_FIND_DUE)]

    async def _work(self, journal_ids: Collection[UUID], work: _Work) -> _Work:
        for chunk in chunked(sorted(journal_ids), JOURNALS_MAX):
            left: Sequence[UUID] = chunk
            while left:
                left = await self._advance(left, work)
        return work

    async def fetch_fresh(self, sql: str, *arguments: Any, also: Collection[str] = ()) -> Sequence[asyncpg.Record]:
        """Run a query whose rows name the journals that were behind (`stale_journals`); never answer from those.

        One round trip where nothing is behind, which is the rule. `also`: read models that the caller reads after it.
        Raises: ProjectionStopped where a read model that it reads has stopped in one of those journals.
        """
        rows = await self._database.fetch(sql, *arguments)
        caught_up: set[UUID] = set()
        stopped: set[Pair] = set()
        while stale := set((rows and rows[0]["stale_journals"]) or ()) - caught_up:
            # It may bring up others: who has just joined a book has a journal too.
            stopped |= (await self._work(stale, _Work(_LOCK))).stopped
            caught_up |= stale
            rows = await self._database.fetch(sql, *arguments)
        if stopped:
            self._require_running(rows, stopped, self._read_by(sql).union(also))
        return rows

    def _require_running(self, rows: Sequence[asyncpg.Record], stopped: set[Pair], needed: Collection[str]) -> None:
        """Raises: ProjectionStopped."""
        behind = (rows and rows[0]["stale_journals"]) or ()
        if any(journal_id in behind and name in needed for journal_id, name in stopped):
            raise ProjectionStopped

    def _read_by(self, sql: str) -> set[str]:
        """The read models that a query reads: whose tables it names, itself or in a function made with such a table."""
        named = _words(sql)
        for model in self._read_models.values():
            if not named.isdisjoint(model.tables):
                named = named | _words(model.definition)
        return {model.name for model in self._read_models.values() if not named.isdisjoint(model.tables)}

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

    async def _advance(self, journal_ids: Sequence[UUID], work: _Work) -> Sequence[UUID]:
        """Fold once: all together, then each of those by itself that has stopped, or that may have to.

        Returns: the journals that are left to do.
        """
        left = journal_ids
        try:
            reached = await self._step(journal_ids, work)
        except Exception as error:
            if not may_be_poison(error):
                raise
            work.suspects.update(journal_ids)
        else:
            left = [journal_id for journal_id in journal_ids if reached and journal_id >= reached]
        suspects, work.suspects = sorted(work.suspects), set()
        for journal_id in suspects:
            await self._step_alone(journal_id, work)
        return journal_ids if suspects else left

    async def _step(self, journal_ids: Sequence[UUID], work: _Work, *, begun: bool = False) -> UUID | None:
        """Fold what is read at a time. Returns: the journal to go on with, all before it are done; None: all are."""
        async with self._database.transaction() as transaction:
            locked = await transaction.fetch(work.lock, journal_ids)
            known = [row for row in locked if self._folds(row)]
            work.stopped.update((row["journal_id"], row["read_model"]) for row in locked if not self._folds(row))
            if begun or self._complete(journal_ids, [(row["journal_id"], row["read_model"]) for row in known]):
                return await self._fold(transaction, work.sort_out(known))
        # Rows to lock must exist first. They are made in a transaction of their own, which holds no locks and so
        # cannot deadlock with those who wait for them; journals that no read model reads get none.
        await self._database.fetch(_CREATE, journal_ids)
        return await self._step(journal_ids, work, begun=True)

    async def _step_alone(self, journal_id: UUID, work: _Work) -> None:
        """Fold as much of one journal; a read model that cannot take one stops before it."""
        async with self._database.transaction() as transaction:
            locked = await transaction.fetch(work.lock, [journal_id])
            rows = [
                row
                for row in locked
                if self._folds(row)
                and row["position"] is not None
                and not row["resting"]
                and (journal_id, row["read_model"]) not in work.stopped
            ]
            if not rows:
                return
            after = min(row["position"] for row in rows)
            stored = await transaction.fetch(READ_JOURNALS, [journal_id], [after], EVENTS_MAX, BYTES_MAX)
            found = Readable(*decode_until_poison(stored, self._keyring), erased_of(stored))
            for row in rows:
                poison = await self._fold_alone(transaction, row, found)
                if poison is not None:
                    work.stopped.add((journal_id, row["read_model"]))

    async def _fold_alone(self, transaction: Transaction, row: asyncpg.Record, found: Readable) -> Poison | None:
        """Fold into one read model of a journal what it takes. Returns: what stopped it, which is noted."""
        journal_id, name, position, resting = (row[key] for key in ("journal_id", "read_model", "position", "resting"))
        unseen = [event for event in found.events if event.position > position]
        take = partial(self._read_models[name].take, erased=found.erased)
        poison = await fold_until_poison(transaction, take, unseen)
        if poison is None and found.unreadable and found.unreadable.position > position:
            poison = found.unreadable
        reached = poison.position - 1 if poison else unseen[-1].position if unseen else position
        if reached > position:
            await transaction.execute(_MOVE, [journal_id], [name], [reached])
        if poison:
            await _note(transaction, journal_id, name, poison)
        elif resting is not None:
            await transaction.execute(_DELETE_POISONED, journal_id, name)
        return poison

    def _folds(self, row: asyncpg.Record) -> bool:
        """Those of another version of the code, which this one cannot fold, are left to it: here they have stopped."""
        model = self._read_models.get(row["read_model"])
        return model is not None and model.version == row["version"]

    def _complete(self, journal_ids: Sequence[UUID], checkpoints: Collection[Pair]) -> bool:
        begun: dict[UUID, set[str]] = {}
        for journal_id, read_model in checkpoints:
            begun.setdefault(journal_id, set()).add(read_model)
        kinds = self._models_of_kind.values()
        return all(any(names <= begun.get(journal_id, set()) for names in kinds) for journal_id in journal_ids)

    async def _fold(self, transaction: Transaction, checkpoints: dict[Pair, int]) -> UUID | None:
        afters: dict[UUID, int] = {}
        for (journal_id, _), position in checkpoints.items():
            afters[journal_id] = min(position, afters.get(journal_id, position))
        if not afters:
            return None
        rows = await transaction.fetch(READ_JOURNALS, list(afters), list(afters.values()), EVENTS_MAX, BYTES_MAX)
        if not rows:
            return None
        reached: dict[UUID, int] = {}
        for turn in chunked(rows, TURN_EVENTS):
            events = [event async for event in in_slices(decode_row(row, self._keyring) for row in turn)]
            await self._project(transaction, events, checkpoints, erased_of(turn))
            reached |= {event.journal_id: event.position for event in events}
        # Where the read models of a journal are at different places, those ahead stay: nothing was folded into them.
        moved = [
            (journal_id, name, reached[journal_id])
            for (journal_id, name), position in checkpoints.items()
            if reached.get(journal_id, 0) > position
        ]
        await transaction.execute(_MOVE, *zip(*moved, strict=True))
        return rows[-1]["journal_id"] if may_go_on(rows) else None

    async def _project(
        self,
        transaction: Transaction,
        events: Sequence[RecordedEvent],
        checkpoints: dict[Pair, int],
        erased: Collection[UUID],
    ) -> None:
        """Hand each read model those events that it has not seen; of an erased journal, which has no key, none."""
        for name, model in self._read_models.items():
            unseen = [
                event for event in events if event.position > checkpoints.get((event.journal_id, name), event.position)
            ]
            if unseen:
                await model.take(transaction, unseen, erased)


def may_go_on(rows: Sequence[asyncpg.Record]) -> bool:
    """Whether there may be more events than those read, which are as many as are read at a time."""
    return len(rows) == EVENTS_MAX or sum(len(row["state"]) for row in rows) >= BYTES_MAX


def erased_of(rows: Iterable[asyncpg.Record]) -> set[UUID]:
    """Which journals of stored events are erased."""
    return {row["journal_id"] for row in rows if row["erased"]}


async def _note(transaction: Transaction, journal_id: UUID, name: str, poison: Poison) -> None:
    attempts = await transaction.fetchval(_SAVE_POISONED, journal_id, name, *poison)
    if attempts == 1:
        told = poison._asdict()
        _log.error("a read model stopped at an event", journal_id=str(journal_id), read_model=name, **told)


def _words(sql: str) -> set[str]:
    return set(re.findall(r"\w+", re.sub("--.*", "", sql)))
