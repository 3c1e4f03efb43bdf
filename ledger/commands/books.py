"""Commands on the book itself, its categories and its closed periods."""

from collections.abc import Callable
from datetime import date
from uuid import UUID

from eventstore.codec import Metadata
from eventstore.errors import Conflict
from eventstore.store import Change
from ledger.book import OWNERS, WRITERS, Book, Category
from ledger.commands.deciding import Ledger, Settled, change_book, load_book, minor_units, position_of
from ledger.errors import BookNotFound, IdempotencyKeyReused, InvalidField
from ledger.money import is_currency
from ledger.starter import starter_categories


async def open_book(
    ledger: Ledger, metadata: Metadata, name: str, currency: str, description: str, opening_balance: str, language: str
) -> Settled:
    if not is_currency(currency):
        raise InvalidField("currency", f"“{currency}” is no ISO 4217 currency code, such as KRW.")
    if metadata.actor is None:
        raise BookNotFound
    book = Book(
        id=ledger.id_for(metadata),
        name=name,
        description=description,
        currency=currency,
        opening_balance_minor=minor_units("opening_balance", opening_balance, currency),
        owner_id=metadata.actor,
        categories=starter_categories(language, ledger.new_id),
    )
    try:
        await ledger.store.append(metadata, [Change(book.id, book)])
    except Conflict:
        return await _opened_before(ledger, metadata, book.id)
    ledger.books[book.id] = book
    return Settled(book)


async def _opened_before(ledger: Ledger, metadata: Metadata, book_id: UUID) -> Settled:
    """The book that the same operation opened. Raises: IdempotencyKeyReused."""
    opened_at = position_of(await load_book(ledger, book_id), metadata)
    if opened_at is None:
        raise IdempotencyKeyReused
    return Settled(await load_book(ledger, book_id, opened_at), opened_at)


async def amend_book(
    ledger: Ledger,
    metadata: Metadata,
    book_id: UUID,
    name: str | None = None,
    description: str | None = None,
    opening_balance: str | None = None,
    version: int | None = None,
) -> Settled:
    """Change what is given, on the book at this version; None: on any. Raises: BookChanged."""

    def change(book: Book) -> None:
        book.require_version(version)
        balance = None if opening_balance is None else minor_units("opening_balance", opening_balance, book.currency)
        book.amend(name, description, balance)

    return await change_book(ledger, metadata, book_id, OWNERS, change)


async def delete_book(ledger: Ledger, metadata: Metadata, book_id: UUID, version: int | None = None) -> Settled:
    def change(book: Book) -> None:
        book.require_version(version)
        book.delete()

    return await change_book(ledger, metadata, book_id, OWNERS, change)


async def restore_book(ledger: Ledger, metadata: Metadata, book_id: UUID, version: int | None = None) -> Settled:
    def change(book: Book) -> None:
        book.require_version(version)
        book.restore()

    return await change_book(ledger, metadata, book_id, OWNERS, change)


async def close_period(
    ledger: Ledger, metadata: Metadata, book_id: UUID, through: date, version: int | None = None
) -> Settled:
    """Refuse, from now on, any change of what is dated on or before `through`."""

    def change(book: Book) -> None:
        book.require_version(version)
        book.close(through)

    return await change_book(ledger, metadata, book_id, OWNERS, change)


async def reopen_period(
    ledger: Ledger, metadata: Metadata, book_id: UUID, reason: str, version: int | None = None
) -> Settled:
    """Take the latest closing back."""

    def change(book: Book) -> None:
        book.require_version(version)
        book.reopen(reason)

    return await change_book(ledger, metadata, book_id, OWNERS, change)


CategoryCheck = Callable[[Book, Category], None]
"""A precondition of the caller (If-Match) on the category as it is stored; raises to refuse."""


def _accept(_book: Book, _category: Category) -> None:
    """No precondition."""


async def add_category(
    ledger: Ledger, metadata: Metadata, book_id: UUID, kind: str, name: str
) -> tuple[Category, Settled]:
    category_id = ledger.id_for(metadata)
    settled = await change_book(
        ledger, metadata, book_id, WRITERS, lambda book: book.add_category(category_id, kind, name)
    )
    return settled.book.category(category_id), settled


async def rename_category(
    ledger: Ledger,
    metadata: Metadata,
    book_id: UUID,
    category_id: UUID,
    name: str,
    check: CategoryCheck = _accept,
) -> Category:
    def change(book: Book) -> None:
        check(book, book.category(category_id))
        book.rename_category(category_id, name)

    return (await change_book(ledger, metadata, book_id, WRITERS, change)).book.category(category_id)


async def delete_category(
    ledger: Ledger, metadata: Metadata, book_id: UUID, category_id: UUID, check: CategoryCheck = _accept
) -> None:
    def change(book: Book) -> None:
        check(book, book.category(category_id))
        book.delete_category(category_id)

    await change_book(ledger, metadata, book_id, WRITERS, change)


async def restore_category(
    ledger: Ledger, metadata: Metadata, book_id: UUID, category_id: UUID, check: CategoryCheck = _accept
) -> tuple[Category, Settled]:
    def change(book: Book) -> None:
        check(book, book.category(category_id))
        book.restore_category(category_id)

    settled = await change_book(ledger, metadata, book_id, WRITERS, change)
    return settled.book.category(category_id), settled
