"""Read model: the books with their sums, members and categories."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from eventstore.codec import RecordedEvent
from eventstore.database import Transaction
from eventstore.sql import statement
from ledger.book import EDITOR, OWNER, Book
from ledger.entry import Entry
from ledger.errors import BookNotFound, CategoryNotFound, MemberNotFound
from ledger.money import decimals_of, format_amount
from ledger.views import category_view
from projections.engine import Engine, ReadModel
from projections.paging import Page, page_of
from projections.postings import add, moved, net_minor
from projections.reading import head_of
from projections.search import searchable

_LOAD_BOOKS = statement(__package__, "load_books")
_SAVE_BOOKS = statement(__package__, "save_books")
_LOAD_MEMBERS = statement(__package__, "load_members")
_SAVE_MEMBERS = statement(__package__, "save_members")
_DELETE_MEMBERS = statement(__package__, "delete_members")
_LOAD_CLOSINGS = statement(__package__, "load_closings")
_SAVE_CLOSINGS = statement(__package__, "save_closings")
_DELETE_CLOSINGS = statement(__package__, "delete_closings")
_LOAD_CATEGORIES = statement(__package__, "load_categories")
_SAVE_CATEGORIES = statement(__package__, "save_categories")
_GET_BOOK = statement(__package__, "get_book")
_LIST_BOOKS = statement(__package__, "list_books")
_LIST_MEMBERSHIPS = statement(__package__, "list_memberships")
_LIST_CATEGORIES = statement(__package__, "list_categories")
_GET_CATEGORY = statement(__package__, "get_category")
_GET_MEMBER = statement(__package__, "get_member")
_LIST_MEMBERS = statement(__package__, "list_members")
_LIST_CLOSINGS = statement(__package__, "list_closings")


@dataclass
class BookRow:
    """The columns of `books`, in their order."""

    journal_id: UUID
    name: str
    description: str
    currency: str
    decimals: int
    opening_balance_minor: int
    income_minor: int
    expense_minor: int
    transferred_minor: int
    entry_count: int
    closed_through: date | None
    deleted: bool
    created_at: datetime
    updated_at: datetime
    version: int


@dataclass
class CategoryRow:
    journal_id: UUID
    category_id: UUID
    kind: str
    name: str
    deleted: bool


@dataclass(frozen=True)
class MemberRow:
    journal_id: UUID
    user_id: UUID
    role: str
    joined_at: datetime


@dataclass(frozen=True)
class ClosingRow:
    journal_id: UUID
    through: date
    closed_at: datetime
    closed_by: UUID | None


class Books:
    """The rows of some journals, and what events do to them."""

    def __init__(
        self,
        books: Iterable[BookRow] = (),
        categories: Iterable[CategoryRow] = (),
        members: Iterable[MemberRow] = (),
        closings: Iterable[ClosingRow] = (),
    ) -> None:
        self.books = {book.journal_id: book for book in books}
        self.categories = {(category.journal_id, category.category_id): category for category in categories}
        self.members = {(member.journal_id, member.user_id): member for member in members}
        self.closings = {(closing.journal_id, closing.through): closing for closing in closings}

    def fold(self, events: Iterable[RecordedEvent]) -> None:
        for recorded in events:
            event = recorded.event
            if isinstance(event, Entry.Event):
                self._count(recorded.journal_id, event)
            elif isinstance(event, Book.Opened):
                self._open(recorded, event)
            elif isinstance(event, Book.Event):
                self._change(self.books[recorded.journal_id], recorded, event)

    def _open(self, recorded: RecordedEvent, event: Book.Opened) -> None:
        journal_id, recorded_at = recorded.journal_id, recorded.recorded_at
        self.books[journal_id] = BookRow(
            journal_id,
            event.name,
            event.description,
            event.currency,
            decimals_of(event.currency),
            event.opening_balance_minor,
            income_minor=0,
            expense_minor=0,
            transferred_minor=0,
            entry_count=0,
            closed_through=None,
            deleted=False,
            created_at=recorded_at,
            updated_at=recorded_at,
            version=recorded.version,
        )
        self.members[journal_id, event.owner_id] = MemberRow(journal_id, event.owner_id, OWNER, recorded_at)
        for category in event.categories:
            self._put_category(journal_id, category.category_id, category.kind, category.name)

    def _change(self, book: BookRow, recorded: RecordedEvent, event: Any) -> None:
        book.version, book.updated_at = recorded.version, recorded.recorded_at
        match event:
            case Book.Amended():
                book.name = book.name if event.name is None else event.name
                book.description = book.description if event.description is None else event.description
                if event.opening_balance_minor is not None:
                    book.opening_balance_minor = event.opening_balance_minor
            case Book.Deleted():
                book.deleted = True
            case Book.Restored():
                book.deleted = False
            case Book.PeriodClosed() | Book.PeriodReopened():
                self._close(book, recorded, event)
            case Book.MemberJoined() | Book.RoleChanged() | Book.HandedOver() | Book.MemberRemoved():
                self._change_members(recorded, event)
            case _:
                self._change_categories(recorded, event)

    def _put_category(self, journal_id: UUID, category_id: UUID, kind: str, name: str) -> None:
        self.categories[journal_id, category_id] = CategoryRow(journal_id, category_id, kind, name, deleted=False)

    def _change_categories(self, recorded: RecordedEvent, event: Any) -> None:
        match event:
            case Book.CategoryAdded():
                self._put_category(recorded.journal_id, event.category_id, event.kind, event.name)
            case Book.CategoryRenamed():
                self.categories[recorded.journal_id, event.category_id].name = event.name
            case Book.CategoryDeleted():
                self.categories[recorded.journal_id, event.category_id].deleted = True
            case Book.CategoryRestored():
                self.categories[recorded.journal_id, event.category_id].deleted = False

    def _close(self, book: BookRow, recorded: RecordedEvent, event: Book.PeriodClosed | Book.PeriodReopened) -> None:
        journal_id, through = recorded.journal_id, event.through
        if isinstance(event, Book.PeriodClosed):
            self.closings[journal_id, through] = ClosingRow(journal_id, through, recorded.recorded_at, recorded.actor)
        else:
            del self.closings[journal_id, through]
        closed = [closing.through for closing in self.closings.values() if closing.journal_id == journal_id]
        book.closed_through = max(closed, default=None)

    def _change_members(self, recorded: RecordedEvent, event: Any) -> None:
        journal_id, key = recorded.journal_id, (recorded.journal_id, event.user_id)
        match event:
            case Book.MemberJoined():
                self.members[key] = MemberRow(journal_id, event.user_id, event.role, recorded.recorded_at)
            case Book.RoleChanged():
                self.members[key] = replace(self.members[key], role=event.role)
            case Book.HandedOver():
                former = (journal_id, event.former_owner_id)
                self.members[key] = replace(self.members[key], role=OWNER)
                self.members[former] = replace(self.members[former], role=EDITOR)
            case Book.MemberRemoved():
                del self.members[key]

    def _count(self, journal_id: UUID, event: Any) -> None:
        book = self.books[journal_id]
        for posting, sign in moved(event):
            book.entry_count += sign
            add(book, posting, sign)


async def project(transaction: Transaction, events: Sequence[RecordedEvent]) -> None:
    journal_ids = list({event.journal_id for event in events})
    changed = list({event.journal_id for event in events if isinstance(event.event, Book.Event)})
    books = [_book_row(row) for row in await transaction.fetch(_LOAD_BOOKS, journal_ids)]
    state = await _with_parts(transaction, books, changed) if changed else Books(books)
    members, closings = set(state.members), set(state.closings)
    state.fold(events)
    await _save(transaction, _SAVE_BOOKS, _tuples(state.books))
    if changed:
        categories = [(*vars(row).values(), searchable(row.name or "")) for row in state.categories.values()]
        await _save(transaction, _SAVE_CATEGORIES, categories)
        await _save(transaction, _SAVE_MEMBERS, _tuples(state.members))
        await _save(transaction, _SAVE_CLOSINGS, _tuples(state.closings))
        await _save(transaction, _DELETE_MEMBERS, members - set(state.members))
        await _save(transaction, _DELETE_CLOSINGS, closings - set(state.closings))


async def _with_parts(transaction: Transaction, books: list[BookRow], journal_ids: list[UUID]) -> Books:
    """The rows of books whose categories, members or closings may change."""
    return Books(
        books,
        [CategoryRow(**row) for row in await transaction.fetch(_LOAD_CATEGORIES, journal_ids)],
        [MemberRow(**row) for row in await transaction.fetch(_LOAD_MEMBERS, journal_ids)],
        [ClosingRow(**row) for row in await transaction.fetch(_LOAD_CLOSINGS, journal_ids)],
    )


def _tuples(rows: Mapping[Any, Any]) -> Iterable[tuple[Any, ...]]:
    """The fields of rows, in their order; astuple() would copy each of them."""
    return (tuple(vars(row).values()) for row in rows.values())


async def _save(transaction: Transaction, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
    columns = list(zip(*rows, strict=True))
    if columns:
        await transaction.execute(sql, *columns)


BOOKS: Final = ReadModel("books", "book", 2, ("books", "members", "categories", "closings"), project)


async def get_book(engine: Engine, user_id: UUID | None, book_id: UUID) -> dict[str, Any]:
    """Read one book of the user's. Raises: BookNotFound."""
    return book_view(head_of(await engine.fetch_fresh(_GET_BOOK, user_id, book_id)))


async def list_books(engine: Engine, user_id: UUID | None, page: Page, *, deleted: bool | None) -> dict[str, Any]:
    """List the books that the user is a member of, oldest first; `deleted` None means both."""
    (after,) = page.after or (UUID(int=0),)
    rows = await engine.fetch_fresh(_LIST_BOOKS, user_id, deleted, after, page.limit + 1)
    found = [row for row in rows if row["journal_id"] is not None]
    return page_of(found, page, book_view, lambda row: (row["journal_id"],))


async def list_memberships(engine: Engine, user_id: UUID) -> list[UUID]:
    """The books that a user belongs to, deleted ones too."""
    rows = await engine.fetch_fresh(_LIST_MEMBERSHIPS, user_id)
    return [row["journal_id"] for row in rows if row["journal_id"] is not None]


async def list_categories(
    engine: Engine, user_id: UUID | None, book_id: UUID, page: Page, *, deleted: bool | None
) -> dict[str, Any]:
    """List a book's categories in the order they were made. Raises: BookNotFound."""
    (after,) = page.after or (UUID(int=0),)
    rows = await engine.fetch_fresh(_LIST_CATEGORIES, user_id, book_id, deleted, after, page.limit + 1)
    head_of(rows)
    found = [row for row in rows if row["category_id"] is not None]
    return page_of(found, page, _category_view, lambda row: (row["category_id"],))


async def get_category(engine: Engine, user_id: UUID | None, book_id: UUID, category_id: UUID) -> dict[str, Any]:
    """Read a category, deleted or not. Raises: BookNotFound, CategoryNotFound."""
    row = head_of(await engine.fetch_fresh(_GET_CATEGORY, user_id, book_id, category_id))
    if row["category_id"] is None:
        raise CategoryNotFound
    return _category_view(row)


async def list_members(engine: Engine, user_id: UUID | None, book_id: UUID) -> dict[str, Any]:
    """List who belongs to a book, longest first. Raises: BookNotFound."""
    rows = await engine.fetch_fresh(_LIST_MEMBERS, user_id, book_id)
    if not rows or rows[0]["reader_role"] is None:
        raise BookNotFound
    return {"items": [_member_view(row) for row in rows], "next_cursor": None}


async def get_member(engine: Engine, user_id: UUID | None, book_id: UUID, member_id: UUID) -> dict[str, Any]:
    """Read who somebody is in a book. Raises: BookNotFound, MemberNotFound."""
    rows = await engine.fetch_fresh(_GET_MEMBER, user_id, book_id, member_id)
    if not rows or rows[0]["reader_role"] is None:
        raise BookNotFound
    if rows[0]["user_id"] is None:
        raise MemberNotFound
    return _member_view(rows[0])


async def list_closings(engine: Engine, user_id: UUID | None, book_id: UUID) -> dict[str, Any]:
    """List the closings in force, earliest first. Raises: BookNotFound."""
    rows = await engine.fetch_fresh(_LIST_CLOSINGS, user_id, book_id)
    head_of(rows)
    shown = ("through", "closed_at", "closed_by")
    items = [{name: row[name] for name in shown} for row in rows if row["through"] is not None]
    return {"items": items, "next_cursor": None}


def book_view(row: Any) -> dict[str, Any]:
    currency = row["currency"]
    return {
        "id": row["journal_id"],
        "name": row["name"],
        "currency": currency,
        "description": row["description"],
        "role": row["role"],
        "opening_balance": format_amount(int(row["opening_balance_minor"]), currency),
        "income": format_amount(int(row["income_minor"]), currency),
        "expense": format_amount(int(row["expense_minor"]), currency),
        "total": format_amount(int(row["income_minor"] - row["expense_minor"]), currency),
        "transferred": format_amount(int(row["transferred_minor"]), currency),
        "balance": format_amount(int(row["opening_balance_minor"]) + net_minor(row), currency),
        "entry_count": row["entry_count"],
        "closed_through": row["closed_through"],
        "deleted": row["deleted"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "version": row["version"],
    }


def _member_view(row: asyncpg.Record) -> dict[str, Any]:
    return {name: row[name] for name in ("user_id", "name", "email", "role", "joined_at")}


def _category_view(row: asyncpg.Record) -> dict[str, Any]:
    return category_view(row["category_id"], row["name"], row["kind"], deleted=row["deleted"])


def _book_row(row: asyncpg.Record) -> BookRow:
    numbers = ("opening_balance_minor", "income_minor", "expense_minor", "transferred_minor")
    return BookRow(**{**row, **{name: int(row[name]) for name in numbers}})
