"""Read model: the books with their sums, members and categories."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from eventstore.codec import RecordedEvent
from eventstore.database import Transaction
from eventstore.sql import statement
from ledger.book import OWNER, Book, fold_case
from ledger.entry import Entry, Posting
from ledger.errors import BookNotFound
from ledger.money import decimals_of, format_amount
from ledger.views import category_view
from projections.engine import Engine, ReadModel
from projections.paging import Page, page_of

_LOAD_BOOKS = statement(__package__, "load_books")
_SAVE_BOOKS = statement(__package__, "save_books")
_SAVE_MEMBERS = statement(__package__, "save_members")
_LOAD_CATEGORIES = statement(__package__, "load_categories")
_SAVE_CATEGORIES = statement(__package__, "save_categories")
_GET_BOOK = statement(__package__, "get_book")
_LIST_BOOKS = statement(__package__, "list_books")
_LIST_CATEGORIES = statement(__package__, "list_categories")


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
    entry_count: int
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


class Books:
    """The rows of some journals, and what events do to them."""

    def __init__(self, books: Iterable[BookRow] = (), categories: Iterable[CategoryRow] = ()) -> None:
        self.books = {book.journal_id: book for book in books}
        self.categories = {category.category_id: category for category in categories}
        self.members: list[MemberRow] = []

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
            entry_count=0,
            deleted=False,
            created_at=recorded_at,
            updated_at=recorded_at,
            version=recorded.version,
        )
        self.members.append(MemberRow(journal_id, event.owner_id, OWNER, recorded_at))
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
            case Book.CategoryAdded():
                self._put_category(recorded.journal_id, event.category_id, event.kind, event.name)
            case Book.CategoryRenamed():
                self.categories[event.category_id].name = event.name
            case Book.CategoryDeleted():
                self.categories[event.category_id].deleted = True
            case Book.CategoryRestored():
                self.categories[event.category_id].deleted = False

    def _put_category(self, journal_id: UUID, category_id: UUID, kind: str, name: str) -> None:
        self.categories[category_id] = CategoryRow(journal_id, category_id, kind, name, deleted=False)

    def _count(self, journal_id: UUID, event: Any) -> None:
        book = self.books[journal_id]
        removed: Posting | None = getattr(event, "removes", None)
        added: Posting | None = getattr(event, "adds", None)
        for posting, sign in ((removed, -1), (added, 1)):
            if posting is None:
                continue
            book.entry_count += sign
            if posting.kind == "income":
                book.income_minor += sign * posting.amount_minor
            else:
                book.expense_minor += sign * posting.amount_minor


async def project(transaction: Transaction, events: Sequence[RecordedEvent]) -> None:
    journal_ids = list({event.journal_id for event in events})
    changed = {event.journal_id for event in events if isinstance(event.event, Book.Event)}
    categories = await transaction.fetch(_LOAD_CATEGORIES, list(changed)) if changed else []
    state = Books(
        [_book_row(row) for row in await transaction.fetch(_LOAD_BOOKS, journal_ids)],
        [CategoryRow(**row) for row in categories],
    )
    state.fold(events)
    await transaction.execute(_SAVE_BOOKS, *zip(*map(astuple, state.books.values()), strict=True))
    if state.members:
        await transaction.execute(_SAVE_MEMBERS, *zip(*map(astuple, state.members), strict=True))
    if state.categories:
        rows = [(*astuple(row), fold_case(row.name or "")) for row in state.categories.values()]
        await transaction.execute(_SAVE_CATEGORIES, *zip(*rows, strict=True))


BOOKS: Final = ReadModel("books", "book", 1, ("books", "members", "categories"), project)


async def get_book(engine: Engine, user_id: UUID | None, book_id: UUID) -> dict[str, Any]:
    """Read one book of the user's. Raises: BookNotFound."""
    rows = await engine.fetch_fresh(_GET_BOOK, user_id, book_id)
    if not rows or rows[0]["role"] is None:
        raise BookNotFound
    return book_view(rows[0])


async def list_books(engine: Engine, user_id: UUID | None, page: Page, *, deleted: bool | None) -> dict[str, Any]:
    """List the books that the user is a member of, oldest first; `deleted` None means both."""
    (after,) = page.after or (UUID(int=0),)
    rows = await engine.fetch_fresh(_LIST_BOOKS, user_id, deleted, after, page.limit + 1)
    found = [row for row in rows if row["journal_id"] is not None]
    return page_of(found, page, book_view, lambda row: (row["journal_id"],))


async def list_categories(
    engine: Engine, user_id: UUID | None, book_id: UUID, page: Page, *, deleted: bool | None
) -> dict[str, Any]:
    """List a book's categories in the order they were made. Raises: BookNotFound."""
    (after,) = page.after or (UUID(int=0),)
    rows = await engine.fetch_fresh(_LIST_CATEGORIES, user_id, book_id, deleted, after, page.limit + 1)
    if not rows or rows[0]["role"] is None:
        raise BookNotFound
    found = [row for row in rows if row["category_id"] is not None]
    return page_of(found, page, _category_view, lambda row: (row["category_id"],))


def book_view(row: asyncpg.Record) -> dict[str, Any]:
    currency, total = row["currency"], row["income_minor"] - row["expense_minor"]
    return {
        "id": row["journal_id"],
        "name": row["name"],
        "currency": currency,
        "description": row["description"],
        "role": row["role"],
        "opening_balance": format_amount(int(row["opening_balance_minor"]), currency),
        "income": format_amount(int(row["income_minor"]), currency),
        "expense": format_amount(int(row["expense_minor"]), currency),
        "total": format_amount(int(total), currency),
        "transferred": format_amount(0, currency),
        "balance": format_amount(int(row["opening_balance_minor"] + total), currency),
        "entry_count": row["entry_count"],
        "closed_through": None,
        "deleted": row["deleted"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "version": row["version"],
    }


def _category_view(row: asyncpg.Record) -> dict[str, Any]:
    return category_view(row["category_id"], row["name"], row["kind"], deleted=row["deleted"])


def _book_row(row: asyncpg.Record) -> BookRow:
    numbers = ("opening_balance_minor", "income_minor", "expense_minor")
    return BookRow(**{**row, **{name: int(row[name]) for name in numbers}})
