"""Read model: the entries, found, filtered and sorted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

import asyncpg
from msgspec import Meta

from eventstore.codec import RecordedEvent
from eventstore.database import Transaction
from eventstore.sql import statement
from ledger.book import fold_case
from ledger.entry import Entry
from ledger.errors import BookNotFound, EntryNotFound
from ledger.views import category_view, entry_view
from projections.engine import Engine, ReadModel
from projections.paging import Page, page_of

_LOAD = statement(__package__, "load_entries")
_SAVE = statement(__package__, "save_entries")
_GET = statement(__package__, "get_entry")
_SEPARATOR: Final = "\x1f"


@dataclass(frozen=True)
class Order:
    """One way to sort: its statement, and the column that its cursor holds beside the id."""

    sql: str
    column: str
    key_types: tuple[Any, ...]


# A cursor comes back from outside: what its column cannot hold is refused, not handed to the database.
_Minor = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Instant = Annotated[datetime, Meta(tz=True)]

ORDERS: Final = {
    "-occurred_on": Order(statement(__package__, "list_entries_by_day_newest"), "occurred_on", (date, UUID)),
    "occurred_on": Order(statement(__package__, "list_entries_by_day_oldest"), "occurred_on", (date, UUID)),
    "amount": Order(statement(__package__, "list_entries_by_amount_smallest"), "amount_minor", (_Minor, UUID)),
    "-amount": Order(statement(__package__, "list_entries_by_amount_largest"), "amount_minor", (_Minor, UUID)),
    "-recorded_at": Order(statement(__package__, "list_entries_by_record_newest"), "created_at", (_Instant, UUID)),
}


class EntryRow(NamedTuple):
    """The columns of `entries` that are shown, in their order."""

    journal_id: UUID
    entry_id: UUID
    kind: str
    amount_minor: int
    occurred_on: date
    category_id: UUID | None
    memo: str | None
    tags: list[str] | None
    copied_from: UUID | None
    deleted: bool
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime
    version: int


Key = tuple[UUID, UUID]


def fold(rows: dict[Key, EntryRow], events: Iterable[RecordedEvent]) -> None:
    """Apply events to rows, in place; rows of entries recorded earlier must be there."""
    for recorded in events:
        key = (recorded.journal_id, recorded.stream_id)
        match recorded.event:
            case Entry.Recorded() as event:
                rows[key] = _recorded(recorded, event)
            case Entry.Amended() | Entry.Deleted() | Entry.Restored() as event:
                rows[key] = _changed(rows[key], recorded, event)


def _recorded(recorded: RecordedEvent, event: Entry.Recorded) -> EntryRow:
    posting = event.adds
    return EntryRow(
        recorded.journal_id,
        recorded.stream_id,
        posting.kind,
        posting.amount_minor,
        posting.occurred_on,
        posting.category_id,
        event.memo,
        event.tags,
        event.copied_from,
        deleted=False,
        created_by=recorded.actor,
        created_at=recorded.recorded_at,
        updated_at=recorded.recorded_at,
        version=recorded.version,
    )


def _changed(row: EntryRow, recorded: RecordedEvent, event: Entry.Amended | Entry.Deleted | Entry.Restored) -> EntryRow:
    row = row._replace(updated_at=recorded.recorded_at, version=recorded.version)
    if not isinstance(event, Entry.Amended):
        return row._replace(deleted=isinstance(event, Entry.Deleted))
    if event.adds is not None:
        row = row._replace(**vars(event.adds))
    memo = row.memo if event.memo is None else event.memo
    tags = row.tags if event.tags is None else event.tags
    return row._replace(memo=memo, tags=tags)


async def project(transaction: Transaction, events: Sequence[RecordedEvent]) -> None:
    rows: dict[Key, EntryRow] = {}
    of_entries = [event for event in events if isinstance(event.event, Entry.Event)]
    earlier = _recorded_earlier(of_entries)
    if earlier:
        loaded = await transaction.fetch(_LOAD, *zip(*earlier, strict=True))
        rows = {(row["journal_id"], row["entry_id"]): EntryRow(*row) for row in loaded}
    fold(rows, of_entries)
    if rows:
        await transaction.execute(_SAVE, *zip(*map(_columns, rows.values()), strict=True))


def _recorded_earlier(events: Iterable[RecordedEvent]) -> list[Key]:
    """The entries that these events change but do not record."""
    first: dict[Key, int] = {}
    for event in events:
        first.setdefault((event.journal_id, event.stream_id), event.version)
    return [key for key, version in first.items() if version > 1]


def _columns(row: EntryRow) -> tuple[Any, ...]:
    tags = None if row.tags is None else _SEPARATOR.join(row.tags)
    searched = fold_case(_SEPARATOR.join([row.memo or "", *(row.tags or []), ""]))
    return (*row[:7], tags, *row[8:], searched)


ENTRIES: Final = ReadModel("entries", "book", 1, ("entries",), project)


@dataclass(frozen=True)
class Filters:
    """Which entries of a book; every range includes both ends, None is no filter."""

    deleted: bool | None = False
    day_min: date = date.min
    day_max: date = date.max
    kind: str | None = None
    categories: list[UUID] | None = None
    tag: str | None = None
    part: str | None = None
    amount_min: Decimal | None = None
    amount_max: Decimal | None = None


async def get_entry(
    engine: Engine, user_id: UUID | None, book_id: UUID, entry_id: UUID, *, deleted: bool | None
) -> dict[str, Any]:
    """Read one entry. Raises: BookNotFound, EntryNotFound."""
    rows = await engine.fetch_fresh(_GET, user_id, book_id, entry_id, deleted)
    if not rows or rows[0]["role"] is None:
        raise BookNotFound
    if rows[0]["entry_id"] is None:
        raise EntryNotFound
    return _view(rows[0])


async def list_entries(
    engine: Engine, user_id: UUID | None, book_id: UUID, filters: Filters, page: Page
) -> dict[str, Any]:
    """List a book's entries in the page's order; equal keys by id. Raises: BookNotFound."""
    order = ORDERS[page.order]
    after_key, after_id = page.after or (None, None)
    rows = await engine.fetch_fresh(
        order.sql,
        user_id,
        book_id,
        page.limit + 1,
        after_key,
        after_id,
        filters.deleted,
        filters.day_min,
        filters.day_max,
        filters.kind,
        filters.categories,
        filters.tag and fold_case(filters.tag),
        filters.part and fold_case(filters.part),
        filters.amount_min,
        filters.amount_max,
    )
    if not rows or rows[0]["role"] is None:
        raise BookNotFound
    found = [row for row in rows if row["entry_id"] is not None]
    return page_of(found, page, _view, lambda row: (row[order.column], row["entry_id"]))


def _view(row: asyncpg.Record) -> dict[str, Any]:
    category = None
    if row["category_id"] is not None:
        category = category_view(
            row["category_id"], row["category_name"], row["category_kind"], deleted=row["category_deleted"]
        )
    return entry_view(
        row["entry_id"],
        row["journal_id"],
        row["kind"],
        row["amount_minor"],
        row["currency"],
        row["occurred_on"],
        category,
        row["memo"],
        row["tags"],
        row["copied_from"],
        None,
        row["created_by"],
        row["created_at"],
        row["updated_at"],
        row["version"],
        deleted=row["deleted"],
    )
