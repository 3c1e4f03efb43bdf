"""Read model: the entries, every version of them; found, filtered and sorted as they are now."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from eventstore.bulk import in_slices
from eventstore.codec import RecordedEvent
from eventstore.database import Transaction
from eventstore.sql import statement
from ledger.entry import Entry
from ledger.errors import EntryNotFound
from ledger.views import KINDS_SHOWN, category_view, entry_view, transfer_view
from projections.engine import Engine, ReadModel
from projections.finding import ORDERS, Filters, ways
from projections.paging import Page, page_of
from projections.reading import head_of
from projections.search import TAG_SEPARATOR, searchable_entry, terms_of_entry

_LOAD = statement(__package__, "load_entries")
_ADD = statement(__package__, "add_entries")
_END = statement(__package__, "end_entries")
_GET = statement(__package__, "get_entry")


class EntryRow(NamedTuple):
    """A version of an entry: the columns of `entries`, those that follow from others left out."""

    journal_id: UUID
    entry_id: UUID
    version: int
    since: int
    until: int | None
    kind: str
    amount_minor: int
    occurred_on: date
    category_id: UUID | None
    memo: str | None
    tags: list[str] | None
    copied_from: UUID | None
    batch_id: UUID | None
    transfer_id: UUID | None
    other_book_id: UUID | None
    other_entry_id: UUID | None
    deleted: bool
    created_by: UUID | None
    created_at: datetime
    changed_by: UUID | None
    updated_at: datetime


_TAGS: Final = EntryRow._fields.index("tags")

Key = tuple[UUID, UUID]
_Change = Entry.Amended | Entry.Deleted | Entry.Restored | Entry.Reverted


def fold(rows: dict[Key, EntryRow], events: Iterable[RecordedEvent]) -> list[EntryRow]:
    """Apply events to the current versions, in place; those of entries recorded earlier must be there.

    Returns: the versions that were replaced.
    """
    ended = []
    for recorded in events:
        key = (recorded.journal_id, recorded.stream_id)
        match recorded.event:
            case Entry.Recorded() as event:
                rows[key] = _recorded(recorded, event)
            case Entry.Amended() | Entry.Deleted() | Entry.Restored() | Entry.Reverted() as event:
                ended.append(rows[key]._replace(until=recorded.position))
                rows[key] = _changed(rows[key], recorded, event)
    return ended


def _recorded(recorded: RecordedEvent, event: Entry.Recorded) -> EntryRow:
    posting, other = event.adds, event.transfer
    return EntryRow(
        recorded.journal_id,
        recorded.stream_id,
        recorded.version,
        since=recorded.position,
        until=None,
        kind=posting.kind,
        amount_minor=posting.amount_minor,
        occurred_on=posting.occurred_on,
        category_id=posting.category_id,
        memo=event.memo,
        tags=event.tags,
        copied_from=event.copied_from,
        batch_id=event.batch_id,
        transfer_id=other.transfer_id if other else None,
        other_book_id=other.book_id if other else None,
        other_entry_id=other.entry_id if other else None,
        deleted=False,
        created_by=recorded.actor,
        created_at=recorded.recorded_at,
        changed_by=recorded.actor,
        updated_at=recorded.recorded_at,
    )


def _changed(row: EntryRow, recorded: RecordedEvent, event: _Change) -> EntryRow:
    row = row._replace(
        version=recorded.version,
        since=recorded.position,
        changed_by=recorded.actor,
        updated_at=recorded.recorded_at,
    )
    if isinstance(event, Entry.Deleted | Entry.Restored):
        return row._replace(deleted=isinstance(event, Entry.Deleted))
    if isinstance(event, Entry.Reverted):
        row = row._replace(**vars(event.posting), deleted=event.deleted)
    elif event.adds is not None:
        row = row._replace(**vars(event.adds))
    memo = row.memo if event.memo is None else event.memo
    tags = row.tags if event.tags is None else event.tags
    return row._replace(memo=memo, tags=tags)


async def project(transaction: Transaction, events: Sequence[RecordedEvent]) -> None:
    of_entries = [event for event in events if isinstance(event.event, Entry.Event)]
    rows: dict[Key, EntryRow] = {}
    earlier = _recorded_earlier(of_entries)
    if earlier:
        loaded = await transaction.fetch(_LOAD, *zip(*earlier, strict=True))
        rows = {(row["journal_id"], row["entry_id"]): EntryRow(*row) for row in loaded}
    stored = {(row.journal_id, row.entry_id, row.version) for row in rows.values()}
    ended = fold(rows, of_entries)
    replaced = [row for row in ended if row[:3] in stored]
    added = [row for row in (*ended, *rows.values()) if row[:3] not in stored]
    if replaced:
        await transaction.execute(_END, *zip(*((*row[:3], row.until) for row in replaced), strict=True))
    if added:
        # Not by COPY: a process that hung in one would hold its locks for as long as it lives.
        stored_rows = [row async for row in in_slices(map(_stored, added))]
        await transaction.execute(_ADD, *zip(*stored_rows, strict=True))


def _recorded_earlier(events: Iterable[RecordedEvent]) -> list[Key]:
    """The entries that these events change but do not record."""
    first: dict[Key, int] = {}
    for event in events:
        first.setdefault((event.journal_id, event.stream_id), event.version)
    return [key for key, version in first.items() if version > 1]


def _stored(row: EntryRow) -> tuple[Any, ...]:
    """A row as add_entries.sql takes it: tags in one text, and the terms that find a current version in another.

    Of real arrays the driver looks at each element for long.
    """
    text, terms = searchable_entry(row.memo, row.tags), None
    if row.until is None:
        kind = KINDS_SHOWN[row.kind]
        found = terms_of_entry(row.journal_id, row.entry_id, text, row.category_id, kind, row.amount_minor)
        terms = f"{{{','.join(map(str, found))}}}"
    tags = None if row.tags is None else TAG_SEPARATOR.join(row.tags)
    return (*row[:_TAGS], tags, *row[_TAGS + 1 :], text, terms)


ENTRIES: Final = ReadModel("entries", "book", 3, ("entries",), project)


async def get_entry(
    engine: Engine, user_id: UUID | None, book_id: UUID, entry_id: UUID, *, deleted: bool | None
) -> dict[str, Any]:
    """Read one entry. Raises: BookNotFound, EntryNotFound."""
    row = head_of(await engine.fetch_fresh(_GET, user_id, book_id, entry_id, deleted))
    if row["entry_id"] is None:
        raise EntryNotFound
    return _view(row)


async def list_entries(
    engine: Engine, user_id: UUID | None, book_id: UUID, filters: Filters, page: Page
) -> dict[str, Any]:
    """List a book's entries in the page's order; equal keys by id. Raises: BookNotFound."""
    rows: Sequence[Any] = ()
    for way in ways(book_id, filters, page):
        if len(rows) >= way.rows_min:
            rows = await engine.fetch_fresh(way.sql, user_id, book_id, page.limit + 1, *way.arguments)
        if not any(row["cut"] for row in rows):
            break
    head_of(rows)
    found = [row for row in rows if row["entry_id"] is not None]
    column = ORDERS[page.order].column
    return page_of(found, page, _view, lambda row: (row[column], row["entry_id"]))


def _view(row: Any) -> dict[str, Any]:
    category = None
    if row["category_id"] is not None:
        category = category_view(
            row["category_id"], row["category_name"], row["category_kind"], deleted=row["category_deleted"]
        )
    return view_of_row(row, row["currency"], category)


def view_of_row(row: Any, currency: str, category: dict[str, Any] | None) -> dict[str, Any]:
    """Show a row of `entries`, its ids as text."""
    return entry_view(
        row["entry_id"],
        row["journal_id"],
        row["kind"],
        row["amount_minor"],
        currency,
        row["occurred_on"],
        category,
        row["memo"],
        row["tags"],
        row["copied_from"],
        row["batch_id"],
        row["created_by"],
        row["created_at"],
        row["updated_at"],
        row["version"],
        deleted=row["deleted"],
        transfer=_transfer(row) if row["transfer_id"] else None,
    )


def _transfer(row: Any) -> dict[str, Any]:
    return transfer_view(row["transfer_id"], row["kind"], row["other_book_id"], row["other_entry_id"])
