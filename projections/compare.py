"""The proof: a generation's rows beside those that are read, row by row, field by field, journal by journal.

Rows can only be compared where both have read a journal equally far. Most journals rest, and are compared in one
snapshot; those in which somebody writes are kept as they are for the moment that it takes.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import asyncpg

from eventstore.bulk import chunked
from eventstore.keys import Keyring
from eventstore.sql import statement
from projections.engine import Engine
from projections.generations import Generation, fold_behind

LISTED_MAX: Final = 100
"""Differences that a report lists; all are counted."""
ROWS_MAX: Final = 500
LOCKED_JOURNALS_MAX: Final = 20

_LIST_RANGES = statement(__package__, "list_ranges")
_POSITIONS = statement(__package__, "compare_positions")
_LOCK_POSITIONS = statement(__package__, "lock_positions")
_FIND_STOPPED = statement(__package__, "find_stopped")
_FIND_LOST = statement(__package__, "find_lost")
_FIND_BEHIND_OF = statement(__package__, "find_behind_of")
_LIST_KEY_COLUMNS = statement(__package__, "list_key_columns")

_COMPARISON: Final = """
SELECT to_jsonb(l)::text AS live, to_jsonb(n)::text AS rebuilt
FROM (SELECT * FROM readmodels.{table} WHERE journal_id = ANY ($1) AND ({counted})) AS l
FULL JOIN (SELECT * FROM {schema}.{table} WHERE journal_id = ANY ($1) AND ({counted})) AS n USING ({key})
WHERE l IS DISTINCT FROM n
"""
"""Both sides are restricted before they are joined; a row of one side alone has null on the other."""


@dataclass(frozen=True)
class Difference:
    """A field that differs; without a field, a row that only one of both has."""

    journal_id: str
    table: str
    key: dict[str, Any]
    field: str | None
    live: Any
    rebuilt: Any

    def __str__(self) -> str:
        place = ", ".join(f"{name} {value}" for name, value in self.key.items() if name != "journal_id")
        what = self.field or "the whole row"
        return f"journal {self.journal_id}, {self.table} ({place}), {what}: live {self.live}, rebuilt {self.rebuilt}"


@dataclass
class Comparison:
    """What has been compared, and what differs."""

    journals: int = 0
    differences: int = 0
    listed: list[Difference] = field(default_factory=list)

    def note(self, found: Iterable[Difference]) -> None:
        for difference in found:
            self.differences += 1
            if len(self.listed) < LISTED_MAX:
                self.listed.append(difference)


class Comparer:
    """Compares a generation with the live one, over a connection that works on the generation."""

    def __init__(
        self, connection: asyncpg.Connection, generation: Generation, live: Generation, engine: Engine, keyring: Keyring
    ) -> None:
        self._connection = connection
        self._generation = generation
        self._live = live
        self._engine = engine
        self._keyring = keyring
        self._keys: dict[str, list[str]] = {}
        self.found = Comparison()

    async def compare(self, note_journals: Callable[[int], Awaitable[None]]) -> Comparison:
        """Compare everything; `note_journals` hears how many journals are done, and may raise to end it."""
        for table in self._generation.model.tables:
            self._keys[table] = [row["name"] for row in await self._connection.fetch(_LIST_KEY_COLUMNS, table)]
        busy: list[UUID] = []
        for first_id, end_id in _bounds(await self._connection.fetch(_LIST_RANGES, self._generation.model.name)):
            busy += await self._compare_range(first_id, end_id)
            await note_journals(self.found.journals)
        for chunk in chunked(sorted(busy), LOCKED_JOURNALS_MAX):
            await self._compare_locked(chunk)
            await note_journals(self.found.journals)
        return self.found

    async def compare_stops(self) -> Comparison:
        """Compare only how far both came where the new one stopped: rows of two versions need not be equal."""
        numbers = (self._live.number, self._generation.number)
        rows = await self._connection.fetch(_FIND_LOST, self._live.model.name, *numbers)
        self._note_short([(row["journal_id"], row["live"], row["rebuilt"]) for row in rows])
        return self.found

    async def _compare_range(self, first_id: UUID, end_id: UUID | None) -> list[UUID]:
        """Returns: the journals that could not be compared, because one has read further than the other."""
        async with self._connection.transaction(isolation="repeatable_read", readonly=True):
            numbers = (self._live.number, self._generation.number)
            rows = await self._connection.fetch(_POSITIONS, self._live.model.name, *numbers, first_id, end_id)
            await self._compare_rows([row["journal_id"] for row in rows if row["equal"]])
        return [row["journal_id"] for row in rows if not row["equal"]]

    async def _compare_locked(self, journal_ids: Sequence[UUID]) -> None:
        """Bring both to one place, and compare before any of them can go on."""
        model = self._generation.model
        await self._engine.catch_up(journal_ids)
        async with self._connection.transaction():
            locked = await self._connection.fetch(_LOCK_POSITIONS, model.name, self._live.number, journal_ids)
            until = {row["journal_id"]: row["position"] for row in locked}
            behind = await self._connection.fetch(
                _FIND_BEHIND_OF, model.name, self._generation.number, model.kind, journal_ids
            )
            await fold_behind(self._connection, self._generation, self._keyring, behind, until)
            rows = await self._connection.fetch(_LOCK_POSITIONS, model.name, self._generation.number, journal_ids)
            await self._compare_reached(until, {row["journal_id"]: row["position"] for row in rows})

    async def _compare_reached(self, live: Mapping[UUID, int], rebuilt: Mapping[UUID, int]) -> None:
        """Compare the rows of journals that both have read equally far.

        A new one that stopped short of the live one differs from it. One that is further takes what the live one
        stopped at: nothing of that journal is answered, so there is nothing to differ from.
        """
        stopped = await self._connection.fetch(_FIND_STOPPED, self._live.model.name, list(live))
        short = [(each, live[each], rebuilt.get(each, 0)) for each in live if live[each] > rebuilt.get(each, 0)]
        further = {row["journal_id"] for row in stopped if live[row["journal_id"]] < rebuilt.get(row["journal_id"], 0)}
        self._note_short(short)
        await self._compare_rows(sorted(live.keys() - further - {journal_id for journal_id, *_ in short}))

    def _note_short(self, stopped: Sequence[tuple[UUID, int, int]]) -> None:
        name = self._generation.model.name
        for journal_id, live, rebuilt in stopped:
            place = {"journal_id": str(journal_id), "read_model": name}
            self.found.note([Difference(str(journal_id), "checkpoints", place, "position", live, rebuilt)])
        self.found.journals += len(stopped)

    async def _compare_rows(self, journal_ids: Sequence[UUID]) -> None:
        for table, key in self._keys.items():
            statement = comparison(table, key, self._generation)
            async for row in self._connection.cursor(statement, journal_ids, prefetch=ROWS_MAX):
                self.found.note(_differences(table, key, row))
        self.found.journals += len(journal_ids)


def comparison(table: str, key: Sequence[str], generation: Generation) -> str:
    """The query for the rows of some journals ($1) that differ between the generation and what is read."""
    return _COMPARISON.format(
        table=table, key=", ".join(key), schema=generation.schema, counted=generation.model.counted
    )


def _differences(table: str, key: Sequence[str], row: asyncpg.Record) -> Iterator[Difference]:
    live: dict[str, Any] | None
    rebuilt: dict[str, Any] | None
    live, rebuilt = (json.loads(row[side]) if row[side] else None for side in ("live", "rebuilt"))
    known = live or rebuilt or {}
    place = {name: known[name] for name in key}
    if live is None or rebuilt is None:
        yield Difference(known["journal_id"], table, place, None, live, rebuilt)
        return
    for name, value in live.items():
        if value != rebuilt[name]:
            yield Difference(known["journal_id"], table, place, name, value, rebuilt[name])


def _bounds(ranges: Sequence[asyncpg.Record]) -> Iterator[tuple[UUID, UUID | None]]:
    """The ranges as they were cut, the first from the lowest id on: journals may have been begun since."""
    for number, row in enumerate(ranges):
        yield row["first_id"] if number else UUID(int=0), row["end_id"]
    if not ranges:
        yield UUID(int=0), None
