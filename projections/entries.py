"""Read model: the entries, every version of them; found, filtered and sorted as they are now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

from msgspec import Meta

from eventstore.bulk import in_slices
from eventstore.codec import RecordedEvent
from eventstore.database import Transaction
from eventstore.sql import statement
from ledger.book import fold_case
from ledger.entry import TRANSFER_IN, TRANSFER_OUT, Entry
from ledger.errors import BookNotFound, EntryNotFound
from ledger.views import KINDS_SHOWN, category_view, entry_view, transfer_view
from projections.engine import Engine, ReadModel
from projections.paging import Page, page_of
from projections.search import (
    MAGNITUDES,
    salt_of,
    searchable_entry,
    term_of_category,
    term_of_kind,
    term_of_magnitude,
    term_of_sample,
    term_of_tag,
    terms_of_entry,
    terms_of_part,
)

_LOAD = statement(__package__, "load_entries")
_END = statement(__package__, "end_entries")
_GET = statement(__package__, "get_entry")
_FIND = statement(__package__, "find_entries")

KINDS: Final = {"income": ["income"], "expense": ["expense"], "transfer": [TRANSFER_IN, TRANSFER_OUT]}
"""As they are shown, and as they are recorded."""
WALK_FACTOR: Final = 20
"""How many rows a list reads along its order for each that it has to show, before it asks an index for its filters."""
SHORT_WALK_FACTOR: Final = 5
"""The same for a sort by amount where an index asked by magnitudes gives the page for little more."""
_BY_MAGNITUDE: Final = {"magnitudes", "names"}
SAMPLES_MAX: Final = 150
"""Where more samples match, some 2,400 entries, they are too many to fetch them all and sort them."""
WALK_ON_FACTOR: Final = 5
"""How much further it walks where the first walk has found a part of the page that promises the rest by then."""
FEW_DAYS: Final = timedelta(days=31)
"""A range in which a book mostly has so few entries that they are read faster than anything else."""


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


_COLUMNS: Final = (*EntryRow._fields, "searched", "terms")

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
        await transaction.copy_records_to_table("entries", columns=_COLUMNS, records=in_slices(map(_stored, added)))


def _recorded_earlier(events: Iterable[RecordedEvent]) -> list[Key]:
    """The entries that these events change but do not record."""
    first: dict[Key, int] = {}
    for event in events:
        first.setdefault((event.journal_id, event.stream_id), event.version)
    return [key for key, version in first.items() if version > 1]


def _stored(row: EntryRow) -> tuple[Any, ...]:
    """A row as it is stored: only a current version is found by its terms."""
    text = searchable_entry(row.memo, row.tags)
    terms = None
    if row.until is None:
        kind = KINDS_SHOWN[row.kind]
        terms = terms_of_entry(row.journal_id, row.entry_id, text, row.category_id, kind, row.amount_minor)
    return (*row, text, terms)


ENTRIES: Final = ReadModel("entries", "book", 3, ("entries",), project)


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

    @property
    def folded_tag(self) -> str | None:
        return self.tag and fold_case(self.tag)

    @property
    def folded_part(self) -> str | None:
        return self.part and fold_case(self.part)

    @property
    def arguments(self) -> tuple[Any, ...]:
        """As the statements take them, in their order."""
        return (
            [False, True] if self.deleted is None else [self.deleted],
            self.day_min,
            self.day_max,
            KINDS[self.kind] if self.kind else None,
            self.categories,
            self.folded_tag,
            self.folded_part,
            self.amount_min,
            self.amount_max,
        )


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
    order, asked, index = ORDERS[page.order], (user_id, book_id, page.limit + 1), _index(filters, page)
    walk_max = page.limit * (SHORT_WALK_FACTOR if index in _BY_MAGNITUDE else WALK_FACTOR)
    walk = partial(engine.fetch_fresh, order.sql, *asked, *(page.after or (None, None)), *filters.arguments)
    find = partial(engine.fetch_fresh, _FIND, *asked, page.order, *after(page), *filters.arguments)
    rows = await find(*_sought(book_id, filters, page, index)) if index in {"categories", "few days"} else None
    if rows is None or _cut(rows):
        rows = await walk(walk_max)
        if _cut(rows) and index not in _BY_MAGNITUDE and WALK_ON_FACTOR * len(rows) > page.limit:
            rows = await walk(WALK_ON_FACTOR * walk_max)
        if _cut(rows):
            rows = await find(*_sought(book_id, filters, page, "days" if index == "few days" else index))
    if not rows or rows[0]["role"] is None:
        raise BookNotFound
    found = [row for row in rows if row["entry_id"] is not None]
    return page_of(found, page, _view, lambda row: (row[order.column], row["entry_id"]))


def _cut(rows: Sequence[Any]) -> bool:
    """Tell whether the page was not filled although there may be more: a walk ended, or few days had many entries."""
    return any(row["cut"] for row in rows)


def after(page: Page) -> tuple[Any, ...]:
    """Where a page begins, for the statements that know every order: day, amount, time of record and id."""
    key, entry_id = page.after or (None, None)
    columns = ("occurred_on", "amount_minor", "created_at")
    return (*(key if column == ORDERS[page.order].column else None for column in columns), entry_id)


def _index(filters: Filters, page: Page) -> str:
    """Choose the index by which few rows are read."""
    text, column = filters.tag or filters.part, ORDERS[page.order].column
    if filters.day_max - filters.day_min < FEW_DAYS and column != "occurred_on":
        return "few days"
    if column == "amount_minor" and (text or filters.categories or filters.kind):
        return _index_by_amount(filters)
    if text or filters.categories:
        return "terms"
    if filters.amount_min is not None or filters.amount_max is not None:
        return "amounts"
    return "terms" if filters.kind else "days"


def _index_by_amount(filters: Filters) -> str:
    if filters.categories and not (filters.tag or filters.part):
        return "categories"  # whose entries have an index in that order
    return "names" if filters.part and not (filters.tag or filters.categories) else "magnitudes"


def _sought(book_id: UUID, filters: Filters, page: Page, index: str) -> tuple[Any, ...]:
    """What find_entries.sql is told of an index, and of the terms that it is asked for."""
    tag, part, kind = filters.folded_tag, filters.folded_part, filters.kind
    exact = [term_of_tag(book_id, tag)] if tag else []
    exact += [term_of_kind(book_id, kind)] if kind else []
    every = exact + (terms_of_part(book_id, part) if part else [])
    categories = [term_of_category(book_id, category_id) for category_id in filters.categories or ()]
    by_magnitude = _magnitudes(book_id, page) if index in _BY_MAGNITUDE else ([], [], [])
    sample = (term_of_sample(book_id), SAMPLES_MAX)
    return index, every, categories or every[:1], exact, salt_of(book_id), *by_magnitude, *sample


def _magnitudes(book_id: UUID, page: Page) -> Iterable[Sequence[int]]:
    """The magnitudes from where a page begins, in its order: their terms, least and most amounts."""
    begin: int | None = page.after[0] if page.after else None
    if page.order == "amount":
        found = [magnitude for magnitude in MAGNITUDES if begin is None or magnitude.most_minor >= begin]
    else:
        found = [magnitude for magnitude in reversed(MAGNITUDES) if begin is None or magnitude.least_minor <= begin]
    terms = [term_of_magnitude(book_id, magnitude) for magnitude in found]
    return terms, [magnitude.least_minor for magnitude in found], [magnitude.most_minor for magnitude in found]


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
