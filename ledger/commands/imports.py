"""Commands on whole files: record what is new in one, and take it back."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain, groupby
from typing import Any, Final, TypeVar
from uuid import UUID

from msgspec import Struct

from eventstore.bulk import chunked
from eventstore.codec import Metadata, PlainEvent, RecordedEvent
from eventstore.store import replay
from ledger.batch import Batch, Recogniser, Row
from ledger.book import MEMBERS, OWNERS, Book, fold_case
from ledger.commands.deciding import (
    BookCheck,
    Ledger,
    decide_on_book,
    guard_on,
    load_book,
    made_before,
    position_of,
    require_writer,
    retrying,
    unconditional,
)
from ledger.commands.spool import Spool, spooled
from ledger.entry import Entry, Posting
from ledger.errors import BatchNotFound

STREAMS_READ_MAX: Final = 50
ROWS_MAX: Final = 50
"""Recognised without a pause, so that others get their turns."""

Decided = TypeVar("Decided")
Named = tuple[str, str]
"""A kind, and the name of a category."""


@dataclass(frozen=True)
class Imported:
    """What came of a file; no batch where nothing was new, or nothing was to be recorded."""

    batch_id: UUID | None
    created: int
    duplicates: int
    replayed: bool = False


@dataclass(frozen=True)
class Reverted:
    batch_id: UUID
    deleted: int
    replayed: bool = False


@dataclass
class _Plan:
    """What is new in a file: for each row the id of its entry, or None where it is there already."""

    ids: list[list[UUID | None]] = field(default_factory=list)
    created: int = 0
    duplicates: int = 0
    first_day: date = date.max
    categories: set[Named] = field(default_factory=set)  # of the new entries, as written

    def add(self, rows: Sequence[Row], ids: list[UUID | None]) -> None:
        new = [row for row, entry_id in zip(rows, ids, strict=True) if entry_id]
        self.ids.append(ids)
        self.created += len(new)
        self.duplicates += len(rows) - len(new)
        self.first_day = min((row.occurred_on for row in new), default=self.first_day)
        self.categories |= {(row.kind, row.category) for row in new if row.category is not None}


class _Removal(Struct, array_like=True, frozen=True, gc=False):
    """A live entry of a batch, about to be deleted."""

    entry_id: UUID
    version: int
    posting: Posting


async def currency_of(ledger: Ledger, metadata: Metadata, book_id: UUID) -> str:
    """Tell in which currency a file for this book has to be. Raises: BookNotFound."""

    async def decide(book: Book) -> str:
        book.require_role(metadata.actor, MEMBERS)
        return book.currency

    return await decide_on_book(ledger, book_id, decide)


async def import_rows(
    ledger: Ledger, metadata: Metadata, book_id: UUID, rows: Spool[Row], file_format: str, *, dry_run: bool = False
) -> Imported:
    """Record the entries of a file that the book does not have yet: all of them or none."""
    batch_id = ledger.id_for(metadata)

    async def attempt(book: Book) -> Imported:
        earlier = await made_before(ledger, metadata, book, Batch, metadata.operation)
        if earlier is not None:
            return Imported(earlier.id, earlier.created, earlier.duplicates, replayed=True)
        require_writer(book, metadata)
        plan = await _recognise(ledger, book_id, rows)
        guard = guard_on(book)
        book.require_open(plan.first_day)
        category_ids = _categorise(ledger, book, plan.categories)
        if dry_run or plan.created == 0:
            return Imported(None, plan.created, plan.duplicates)
        batch = Batch(id=batch_id, format=file_format, created=plan.created, duplicates=plan.duplicates)
        events = _recorded(rows, plan, category_ids, batch_id)
        await ledger.store.append_many(metadata, book_id, [book, batch], events, [guard])
        return Imported(batch_id, plan.created, plan.duplicates)

    return await _until_recorded(ledger, book_id, attempt)


async def revert_batch(
    ledger: Ledger, metadata: Metadata, book_id: UUID, batch_id: UUID, check: BookCheck = unconditional
) -> Reverted:
    """Delete every entry of a batch that is live, whatever became of it since: all of them or none."""

    async def attempt(book: Book) -> Reverted:
        book.require_role(metadata.actor, MEMBERS)
        batch, position = await _load_batch(ledger, book_id, batch_id)
        if position_of(batch, metadata) is not None:
            return Reverted(batch_id, batch.deleted, replayed=True)
        book.require_role(metadata.actor, OWNERS)
        await check(book)
        book.require_live()
        batch.require_unreverted()
        with spooled(_Removal) as removals:
            await _collect_live(ledger, book, batch, position, removals)
            batch.revert(removals.length)
            events = _deleted(removals, batch_id)
            await ledger.store.append_many(metadata, book_id, [batch], events, [guard_on(book)])
            return Reverted(batch_id, removals.length)

    return await _until_recorded(ledger, book_id, attempt)


async def _until_recorded(ledger: Ledger, book_id: UUID, attempt: Callable[[Book], Awaitable[Decided]]) -> Decided:
    """Decide on the stored book, again where another was faster. Raises: TooBusy."""

    async def attempt_on_stored() -> Decided:
        try:
            return await attempt(await load_book(ledger, book_id))
        finally:
            ledger.books.pop(book_id, None)

    return await retrying(attempt_on_stored)


async def _recognise(ledger: Ledger, book_id: UUID, rows: Spool[Row]) -> _Plan:
    """Tell new rows from known ones; while the store looks some up, the next are prepared."""
    recogniser, plan = Recogniser(ledger.key_for(book_id)), _Plan()
    looking: asyncio.Task[list[UUID | None]] | None = None
    before: list[Row] = []
    for chunk in rows.chunks():
        identities: list[bytes] = []
        for part in chunked(chunk, ROWS_MAX):
            identities += [recogniser.identify(row) for row in part]
            await asyncio.sleep(0)
        if looking is not None:
            plan.add(before, await looking)
        looking = asyncio.create_task(_free_ids(ledger, book_id, recogniser, chunk, identities))
        before = chunk
    if looking is not None:
        plan.add(before, await looking)
    return plan


async def _free_ids(
    ledger: Ledger, book_id: UUID, recogniser: Recogniser, rows: Sequence[Row], identities: Sequence[bytes]
) -> list[UUID | None]:
    """The ids that new entries for these rows can have; None for a row that the book has, or had until one deleted it.

    What only the revert of its batch took away may come again, under the id of its next generation.
    """
    ids: list[UUID | None] = [recogniser.entry_id(identity, 0) for identity in identities]
    known_as = [row.known_as for row in rows if row.known_as]
    asked = [*filter(None, ids), *known_as]
    found: dict[UUID, RecordedEvent | None] = {}
    generation = 0
    while asked:
        generation += 1
        found |= await ledger.store.find_last(book_id, asked, [Entry.Deleted])
        if not found:
            break
        asked = []
        for place, (row, entry_id) in enumerate(zip(rows, ids, strict=True)):
            if _is_there(found, row.known_as) or _is_there(found, entry_id):
                ids[place] = None
            elif entry_id in found:
                ids[place] = again = recogniser.entry_id(identities[place], generation)
                asked.append(again)
    return ids


def _is_there(found: Mapping[UUID, RecordedEvent | None], entry_id: UUID | None) -> bool:
    """Tell whether an entry is live, or was deleted by somebody who meant that entry."""
    if entry_id is None or entry_id not in found:
        return False
    last = found[entry_id]
    return last is None or not isinstance(last.event, Entry.Deleted) or last.event.batch_id is None


def _categorise(ledger: Ledger, book: Book, names: Iterable[Named]) -> dict[Named, UUID]:
    """Find the live categories of these names, compared as the book does, and make those that are missing."""
    live = book.categories.values()
    known = {(one.kind, fold_case(one.name)): one.category_id for one in live if not one.deleted}
    ids: dict[Named, UUID] = {}
    for kind, name in sorted(names):
        folded = (kind, fold_case(name))
        if folded not in known:
            known[folded] = ledger.new_id()
            book.add_category(known[folded], kind, name)
        ids[kind, name] = known[folded]
    return ids


def _recorded(rows: Spool[Row], plan: _Plan, category_ids: dict[Named, UUID], batch_id: UUID) -> Iterator[PlainEvent]:
    """The entries that are new, as they would be recorded one by one."""
    for chunk, ids in zip(rows.chunks(), plan.ids, strict=True):
        for row, entry_id in zip(chunk, ids, strict=True):
            if entry_id is not None:
                category_id = None if row.category is None else category_ids[row.kind, row.category]
                yield PlainEvent(Entry.Recorded, entry_id, 1, _recorded_fields(row, category_id, batch_id))


def _recorded_fields(row: Row, category_id: UUID | None, batch_id: UUID) -> dict[str, Any]:
    """The fields of an Entry.Recorded; its posting as the dictionary that is stored, which is made in no time."""
    return {
        "adds": {
            "amount_minor": row.amount_minor,
            "category_id": category_id,
            "kind": row.kind,
            "occurred_on": row.occurred_on,
        },
        "memo": row.memo,
        "tags": row.tags,
        "copied_from": None,
        "batch_id": batch_id,
        "transfer": None,
    }


def _deleted(removals: Spool[_Removal], batch_id: UUID) -> Iterator[PlainEvent]:
    """The deletions of entries, as they would be recorded one by one."""
    for removal in chain.from_iterable(removals.chunks()):
        fields = {"removes": removal.posting, "batch_id": batch_id}
        yield PlainEvent(Entry.Deleted, removal.entry_id, removal.version + 1, fields)


async def _load_batch(ledger: Ledger, book_id: UUID, batch_id: UUID) -> tuple[Batch, int]:
    """Load a batch, and the position at which it begins. Raises: BatchNotFound."""
    events = await ledger.store.load_events(book_id, batch_id)
    batch = replay(Batch, events)
    if batch is None:
        raise BatchNotFound
    return batch, events[0].position


async def _collect_live(ledger: Ledger, book: Book, batch: Batch, position: int, removals: Spool[_Removal]) -> None:
    """Find the entries of a batch that are live, as they are now. Raises: PeriodClosed."""
    last = position + batch.created
    for first in range(position + 1, last + 1, STREAMS_READ_MAX):
        events = await ledger.store.read_begun(book.id, first, min(first + STREAMS_READ_MAX - 1, last))
        for _, stream in groupby(events, key=lambda event: event.stream_id):
            entry = replay(Entry, stream)
            if entry is not None and not entry.deleted:
                book.require_open(entry.posting.occurred_on)
                removals.add(_Removal(entry.id, entry.version, entry.posting))
