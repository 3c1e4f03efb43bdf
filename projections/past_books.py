"""Books as they stood at a moment: their short streams are folded anew, their sums are those of the entries then."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from eventstore.codec import RecordedEvent
from eventstore.sql import statement
from ledger.book import OWNER, Category
from ledger.errors import BookNotFound, CategoryNotFound, MemberNotFound
from ledger.views import category_view
from projections.books import BookRow, Books, CategoryRow, ClosingRow, MemberRow, book_view
from projections.engine import Engine
from projections.finding import Filters
from projections.moments import Moment
from projections.paging import Page, page_of
from projections.past import BookAt, get_entry_at, list_entries_at, sum_entries_at
from projections.totals import totals_view
from projections.users import find_users
from projections.wallet import wallet_view

_READ = statement(__package__, "read_past")
_READ_OWNED = statement(__package__, "read_past_owned")
_SUM = statement(__package__, "sum_books_at")
_ENTRIES: Final = ("entries",)
"""The read model that is read once the book is known."""
_SUMS: Final = ("income_minor", "expense_minor", "transferred_minor", "entry_count")


@dataclass(frozen=True)
class PastBook:
    """A book at a position of its journal, for somebody with this role today; its row holds no sums."""

    role: str
    position: int
    recorded_at: datetime
    """When its journal came to that position."""
    book: BookRow
    categories: Sequence[CategoryRow]
    members: Sequence[MemberRow]
    closings: Sequence[ClosingRow]

    @property
    def id(self) -> UUID:
        return self.book.journal_id

    @property
    def at(self) -> BookAt:
        """What its entries are read with."""
        categories = {
            row.category_id: Category(row.category_id, row.kind, row.name, row.deleted) for row in self.categories
        }
        return BookAt(self.id, self.position, self.book.currency, categories)


async def read_past(engine: Engine, user_id: UUID | None, book_id: UUID, moment: Moment) -> PastBook:
    """Raises: BookNotFound, also for a moment before the book was opened."""
    rows = await engine.fetch_fresh(_READ, user_id, book_id, *moment, also=_ENTRIES)
    if not rows or rows[0]["role"] is None or rows[0]["position"] is None:
        raise BookNotFound
    head = rows[0]
    return _folded(head["role"], head["until"], head["until_at"], engine.decode(rows))


def _folded(role: str, position: int, recorded_at: datetime, events: Sequence[RecordedEvent]) -> PastBook:
    state = Books()
    state.fold(events)
    (book,) = state.books.values()
    return PastBook(
        role,
        position,
        recorded_at,
        book,
        sorted(state.categories.values(), key=lambda category: category.category_id),
        sorted(state.members.values(), key=lambda member: (member.joined_at, member.user_id)),
        sorted(state.closings.values(), key=lambda closing: closing.through),
    )


async def get_book_at(engine: Engine, user_id: UUID | None, book_id: UUID, moment: Moment) -> dict[str, Any]:
    """A book as it was shown at a moment, to somebody with the role of today. Raises: BookNotFound."""
    past = await read_past(engine, user_id, book_id, moment)
    (row,) = await _with_sums(engine, [past])
    return book_view(row)


async def get_wallet_at(engine: Engine, user_id: UUID | None, at: datetime) -> dict[str, Any]:
    """Sum the books that the user owns today, as they were at a time."""
    rows = await engine.fetch_fresh(_READ_OWNED, user_id, at, also=_ENTRIES)
    untils = {row["journal_id"]: row["until"] for row in rows if row["journal_id"] is not None}
    events: dict[UUID, list[RecordedEvent]] = {journal_id: [] for journal_id in untils}
    for event in engine.decode(row for row in rows if row["journal_id"] is not None):
        events[event.journal_id].append(event)
    books = [_folded(OWNER, untils[journal_id], at, told) for journal_id, told in events.items()]
    return wallet_view(await _with_sums(engine, [past for past in books if not past.book.deleted]))


async def list_categories_at(
    engine: Engine, user_id: UUID | None, book_id: UUID, page: Page, moment: Moment, *, deleted: bool | None
) -> dict[str, Any]:
    """List a book's categories as they were at a moment. Raises: BookNotFound."""
    past = await read_past(engine, user_id, book_id, moment)
    (after,) = page.after or (UUID(int=0),)
    found = [row for row in past.categories if row.category_id > after and deleted in {None, row.deleted}]
    return page_of(found, page, _category_view, lambda row: (row.category_id,))


async def get_category_at(
    engine: Engine, user_id: UUID | None, book_id: UUID, category_id: UUID, moment: Moment
) -> dict[str, Any]:
    """A category as it was at a moment. Raises: BookNotFound, CategoryNotFound."""
    past = await read_past(engine, user_id, book_id, moment)
    row = next((row for row in past.categories if row.category_id == category_id), None)
    if row is None:
        raise CategoryNotFound
    return _category_view(row)


async def list_members_at(engine: Engine, user_id: UUID | None, book_id: UUID, moment: Moment) -> dict[str, Any]:
    """List who belonged to a book at a moment, by today's names. Raises: BookNotFound."""
    past = await read_past(engine, user_id, book_id, moment)
    return {"items": await _with_names(engine, past.members), "next_cursor": None}


async def get_member_at(
    engine: Engine, user_id: UUID | None, book_id: UUID, member_id: UUID, moment: Moment
) -> dict[str, Any]:
    """Who somebody was in a book at a moment, by today's name. Raises: BookNotFound, MemberNotFound."""
    past = await read_past(engine, user_id, book_id, moment)
    found = await _with_names(engine, [member for member in past.members if member.user_id == member_id])
    if not found:
        raise MemberNotFound
    return found[0]


async def _with_names(engine: Engine, members: Sequence[MemberRow]) -> list[dict[str, Any]]:
    users = await find_users(engine, [member.user_id for member in members])
    return [
        {
            "user_id": member.user_id,
            "name": users[member.user_id]["name"],
            "email": users[member.user_id]["email"],
            "role": member.role,
            "joined_at": member.joined_at,
        }
        for member in members
    ]


async def list_closings_at(engine: Engine, user_id: UUID | None, book_id: UUID, moment: Moment) -> dict[str, Any]:
    """List the closings that were in force at a moment. Raises: BookNotFound."""
    past = await read_past(engine, user_id, book_id, moment)
    shown = ("through", "closed_at", "closed_by")
    items = [{name: getattr(closing, name) for name in shown} for closing in past.closings]
    return {"items": items, "next_cursor": None}


def _category_view(row: CategoryRow) -> dict[str, Any]:
    return category_view(row.category_id, row.name, row.kind, deleted=row.deleted)


async def _with_sums(engine: Engine, books: Sequence[PastBook]) -> list[dict[str, Any]]:
    """The rows of books, with their sums at the positions that they are told at."""
    summed = await engine.fetch(_SUM, [past.id for past in books], [past.position for past in books])
    sums = {row["journal_id"]: {name: int(row[name]) for name in _SUMS} for row in summed}
    return [{**vars(past.book), "role": past.role, **sums.get(past.id, {})} for past in books]


async def get_entry_of(
    engine: Engine, user_id: UUID | None, book_id: UUID, entry_id: UUID, moment: Moment, *, deleted: bool | None
) -> dict[str, Any]:
    """Read an entry as it was at a moment. Raises: BookNotFound, EntryNotFound."""
    past = await read_past(engine, user_id, book_id, moment)
    return await get_entry_at(engine, past.at, entry_id, deleted=deleted)


async def list_entries_of(
    engine: Engine, user_id: UUID | None, book_id: UUID, filters: Filters, page: Page, moment: Moment
) -> dict[str, Any]:
    """List a book's entries as they were at a moment. Raises: BookNotFound."""
    past = await read_past(engine, user_id, book_id, moment)
    return await list_entries_at(engine, past.at, filters, page)


async def get_totals_at(
    engine: Engine,
    user_id: UUID | None,
    book_id: UUID,
    day_min: date,
    day_max: date,
    group_by: str | None,
    moment: Moment,
) -> dict[str, Any]:
    """Sum a range of days as it was known at a moment. Raises: BookNotFound."""
    past = await read_past(engine, user_id, book_id, moment)
    rows = await sum_entries_at(engine, past.at, day_min, day_max, group_by)
    return totals_view(rows, past.book.currency, past.book.opening_balance_minor, group_by)
