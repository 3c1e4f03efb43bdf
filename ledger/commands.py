"""What a member may ask of a book: load, decide, append.

An entry is decided on a cached book: the append carries the guard "book still at this version", so a decision on
a book that has moved is never recorded, and a refusal is given only on the book as it is stored.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, TypeVar
from uuid import UUID

from cachetools import LRUCache

from eventstore.codec import Metadata
from eventstore.errors import Conflict
from eventstore.store import Change, EventStore, Guard
from ledger.book import OWNERS, WRITERS, Book, Category
from ledger.entry import Entry, Posting
from ledger.errors import BookNotFound, EntryNotFound, InvalidField, LedgerError, TooBusy
from ledger.money import is_currency, parse_amount
from ledger.starter import starter_categories

ATTEMPTS_MAX: Final = 10
CACHED_BOOKS_MAX: Final = 2_000

Decided = TypeVar("Decided")


class Ledger:
    """The store, and the books lately in use."""

    def __init__(self, store: EventStore, new_id: Callable[[], UUID]) -> None:
        self.store = store
        self.new_id = new_id
        self.books: LRUCache[UUID, Book] = LRUCache(CACHED_BOOKS_MAX)


@dataclass(frozen=True)
class Placed:
    """An entry, with the book that it is seen in."""

    book: Book
    entry: Entry


async def open_book(
    ledger: Ledger, metadata: Metadata, name: str, currency: str, description: str, opening_balance: str, language: str
) -> Book:
    if not is_currency(currency):
        raise InvalidField("currency", f"“{currency}” is no ISO 4217 currency code, such as KRW.")
    if metadata.actor is None:
        raise BookNotFound
    book = Book(
        id=ledger.new_id(),
        name=name,
        description=description,
        currency=currency,
        opening_balance_minor=_minor("opening_balance", opening_balance, currency),
        owner_id=metadata.actor,
        categories=starter_categories(language, ledger.new_id),
    )
    await ledger.store.append(metadata, [Change(book.id, book)])
    ledger.books[book.id] = book
    return book


async def amend_book(
    ledger: Ledger,
    metadata: Metadata,
    book_id: UUID,
    name: str | None = None,
    description: str | None = None,
    opening_balance: str | None = None,
    version: int | None = None,
) -> Book:
    """Change what is given, on the book at this version; None: on any. Raises: BookChanged."""

    def decide(book: Book) -> None:
        book.require_role(metadata.actor, OWNERS)
        book.require_version(version)
        balance = None if opening_balance is None else _minor("opening_balance", opening_balance, book.currency)
        book.amend(name, description, balance)

    return await _change_book(ledger, metadata, book_id, decide)


async def delete_book(ledger: Ledger, metadata: Metadata, book_id: UUID, version: int | None = None) -> Book:
    def decide(book: Book) -> None:
        book.require_role(metadata.actor, OWNERS)
        book.require_version(version)
        book.delete()

    return await _change_book(ledger, metadata, book_id, decide)


async def restore_book(ledger: Ledger, metadata: Metadata, book_id: UUID, version: int | None = None) -> Book:
    def decide(book: Book) -> None:
        book.require_role(metadata.actor, OWNERS)
        book.require_version(version)
        book.restore()

    return await _change_book(ledger, metadata, book_id, decide)


async def add_category(ledger: Ledger, metadata: Metadata, book_id: UUID, kind: str, name: str) -> Category:
    category_id = ledger.new_id()

    def decide(book: Book) -> None:
        book.require_role(metadata.actor, WRITERS)
        book.add_category(category_id, kind, name)

    return (await _change_book(ledger, metadata, book_id, decide)).category(category_id)


CategoryCheck = Callable[[Category], None]
"""A precondition of the caller (If-Match) on the category as it is stored; raises to refuse."""


def _accept(_category: Category) -> None:
    """No precondition."""


async def rename_category(
    ledger: Ledger,
    metadata: Metadata,
    book_id: UUID,
    category_id: UUID,
    name: str,
    check: CategoryCheck = _accept,
) -> Category:
    def decide(book: Book) -> None:
        book.require_role(metadata.actor, WRITERS)
        check(book.category(category_id))
        book.rename_category(category_id, name)

    return (await _change_book(ledger, metadata, book_id, decide)).category(category_id)


async def delete_category(
    ledger: Ledger, metadata: Metadata, book_id: UUID, category_id: UUID, check: CategoryCheck = _accept
) -> None:
    def decide(book: Book) -> None:
        book.require_role(metadata.actor, WRITERS)
        check(book.category(category_id))
        book.delete_category(category_id)

    await _change_book(ledger, metadata, book_id, decide)


async def restore_category(
    ledger: Ledger, metadata: Metadata, book_id: UUID, category_id: UUID, check: CategoryCheck = _accept
) -> Category:
    def decide(book: Book) -> None:
        book.require_role(metadata.actor, WRITERS)
        check(book.category(category_id))
        book.restore_category(category_id)

    return (await _change_book(ledger, metadata, book_id, decide)).category(category_id)


async def record_entry(
    ledger: Ledger,
    metadata: Metadata,
    book_id: UUID,
    kind: str,
    amount: str,
    occurred_on: date,
    category_id: UUID | None,
    memo: str,
    tags: list[str],
) -> Placed:
    async def decide(book: Book) -> Placed:
        _require_writer(book, metadata)
        amount_minor = _minor("amount", amount, book.currency, positive=True)
        posting = Posting(amount_minor, _usable_category(book, category_id), kind, occurred_on)
        entry = Entry(id=ledger.new_id(), adds=posting, memo=memo, tags=tags, copied_from=None)
        return await _append_entry(ledger, metadata, book, entry)

    return await _decide_on_book(ledger, book_id, decide)


async def amend_entry(
    ledger: Ledger, metadata: Metadata, book_id: UUID, entry_id: UUID, changes: dict[str, Any], check: "EntryCheck"
) -> Placed:
    """Apply a merge patch: the fields given, by name; the rest stays."""

    def change(book: Book, entry: Entry) -> Entry:
        posting = _amended_posting(book, entry.posting, changes)
        entry.amend(posting, changes.get("memo", entry.memo), changes.get("tags", entry.tags))
        return entry

    return await _change_entry(ledger, metadata, book_id, entry_id, check, change)


async def delete_entry(
    ledger: Ledger, metadata: Metadata, book_id: UUID, entry_id: UUID, check: "EntryCheck"
) -> Placed:
    def change(_book: Book, entry: Entry) -> Entry:
        entry.delete()
        return entry

    return await _change_entry(ledger, metadata, book_id, entry_id, check, change)


async def restore_entry(
    ledger: Ledger, metadata: Metadata, book_id: UUID, entry_id: UUID, check: "EntryCheck"
) -> Placed:
    def change(_book: Book, entry: Entry) -> Entry:
        entry.restore()
        return entry

    return await _change_entry(ledger, metadata, book_id, entry_id, check, change)


async def duplicate_entry(
    ledger: Ledger, metadata: Metadata, book_id: UUID, entry_id: UUID, occurred_on: date | None, check: "EntryCheck"
) -> Placed:
    """Record the entry anew, dated like the original unless said."""

    def change(_book: Book, entry: Entry) -> Entry:
        entry.require_live()
        posting = replace(entry.posting, occurred_on=occurred_on or entry.posting.occurred_on)
        return Entry(id=ledger.new_id(), adds=posting, memo=entry.memo, tags=entry.tags, copied_from=entry.id)

    return await _change_entry(ledger, metadata, book_id, entry_id, check, change)


EntryCheck = Callable[[Placed], None]
"""A precondition of the caller (If-Match) on the entry as it is stored; raises to refuse."""


async def _decide_on_book(ledger: Ledger, book_id: UUID, decide: Callable[[Book], Awaitable[Decided]]) -> Decided:
    """Decide on the cached book; where that ends in refusal or conflict, decide anew on the stored one.

    Raises: BookNotFound, TooBusy, and what `decide` raises.
    """
    cached = ledger.books.get(book_id)
    if cached is not None:
        try:
            return await decide(cached)
        except (LedgerError, Conflict):
            ledger.books.pop(book_id, None)
    for _ in range(ATTEMPTS_MAX):
        book = ledger.books[book_id] = await _load_book(ledger, book_id)
        try:
            return await decide(book)
        except Conflict:
            ledger.books.pop(book_id, None)
    raise TooBusy


async def _change_book(ledger: Ledger, metadata: Metadata, book_id: UUID, decide: Callable[[Book], None]) -> Book:
    """Change the stored book; the cached one serves others meanwhile and is never changed in place."""
    for _ in range(ATTEMPTS_MAX):
        book = await _load_book(ledger, book_id)
        decide(book)
        if not book.unrecorded_events():
            return book
        try:
            await ledger.store.append(metadata, [Change(book_id, book)])
        except Conflict:
            continue
        ledger.books[book_id] = book
        return book
    raise TooBusy


async def _change_entry(
    ledger: Ledger,
    metadata: Metadata,
    book_id: UUID,
    entry_id: UUID,
    check: EntryCheck,
    change: Callable[[Book, Entry], Entry],
) -> Placed:
    """Load an entry, change it or make another of it, and append what came of it."""

    async def decide(book: Book) -> Placed:
        _require_writer(book, metadata)
        entry = await _load_entry(ledger, book, entry_id)
        check(Placed(book, entry))
        return await _append_entry(ledger, metadata, book, change(book, entry))

    return await _decide_on_book(ledger, book_id, decide)


async def _append_entry(ledger: Ledger, metadata: Metadata, book: Book, entry: Entry) -> Placed:
    if entry.unrecorded_events():
        guard = Guard(book.id, book.id, book.version)
        await ledger.store.append(metadata, [Change(book.id, entry)], [guard])
    else:  # with nothing to append there is no guard either, and the cached book may be an old one
        await _require_current(ledger, book)
    return Placed(book, entry)


async def _require_current(ledger: Ledger, book: Book) -> None:
    """Raises: Conflict where the book has moved on since it was cached."""
    stored = await _load_book(ledger, book.id)
    if stored.version != book.version:
        raise Conflict(book.id, stored.version)


async def _load_book(ledger: Ledger, book_id: UUID) -> Book:
    book = await ledger.store.load(book_id, Book, book_id)
    if book is None:
        raise BookNotFound
    return book


async def _load_entry(ledger: Ledger, book: Book, entry_id: UUID) -> Entry:
    entry = await ledger.store.load(book.id, Entry, entry_id)
    if entry is None:
        raise EntryNotFound
    return entry


def _require_writer(book: Book, metadata: Metadata) -> None:
    book.require_role(metadata.actor, WRITERS)
    book.require_live()


def _usable_category(book: Book, category_id: UUID | None) -> UUID | None:
    if category_id is not None and (category_id not in book.categories or book.categories[category_id].deleted):
        raise InvalidField("category_id", "This book has no such category, or it is deleted.")
    return category_id


def _amended_posting(book: Book, was: Posting, changes: dict[str, Any]) -> Posting:
    amount_minor, category_id = was.amount_minor, changes.get("category_id", was.category_id)
    if "amount" in changes:
        amount_minor = _minor("amount", changes["amount"], book.currency, positive=True)
    if category_id != was.category_id:  # a deleted category may stay, but not be chosen
        category_id = _usable_category(book, category_id)
    return Posting(
        amount_minor, category_id, changes.get("kind", was.kind), changes.get("occurred_on", was.occurred_on)
    )


def _minor(field: str, text: str, currency: str, *, positive: bool = False) -> int:
    try:
        amount_minor = parse_amount(text, currency)
    except ValueError as error:
        raise InvalidField(field, str(error)) from None
    if positive and amount_minor <= 0:
        raise InvalidField(field, "An amount is greater than zero; say income or expense by its kind.")
    return amount_minor
