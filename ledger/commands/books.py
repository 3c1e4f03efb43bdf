"""Commands on the book itself, its categories and its closed periods."""

from datetime import date
from uuid import UUID

from eventstore.codec import Metadata
from eventstore.errors import Conflict
from eventstore.store import Change
from ledger.book import OWNERS, WRITERS, Book, Category
from ledger.commands.deciding import (
    BookCheck,
    Ledger,
    Settled,
    change_book,
    load_book,
    minor_units,
    position_of,
    retrying,
    settled,
    unconditional,
)
from ledger.errors import BookNotFound, IdempotencyKeyReused, InvalidField
from ledger.money import is_currency
from ledger.starter import starter_categories


async def open_book(
    ledger: Ledger, metadata: Metadata, name: str, currency: str, description: str, opening_balance: str, language: str
) -> Settled:
    if not is_currency(currency):
        raise InvalidField("currency", f"“{currency}” is no ISO 4217 currency code, such as KRW.")
    owner_id = metadata.actor
    if owner_id is None:
        raise BookNotFound
    book = Book(
        id=ledger.id_for(metadata),
        name=name,
        description=description,
        currency=currency,
        opening_balance_minor=minor_units("opening_balance", opening_balance, currency),
        owner_id=owner_id,
        categories=starter_categories(language, ledger.new_id),
    )

    async def attempt() -> Settled:
        _, not_erased = await ledger.find_user(owner_id)
        try:
            appended = await ledger.store.append(metadata, [Change(book.id, book)], not_erased)
        except Conflict as conflict:
            if conflict.stream_id != book.id:
                raise
            return await _opened_before(ledger, metadata, book.id)
        ledger.books[book.id] = book
        return settled(metadata, book, appended)

    return await retrying(attempt)


async def _opened_before(ledger: Ledger, metadata: Metadata, book_id: UUID) -> Settled:
    """The book that the same operation opened. Raises: IdempotencyKeyReused."""
    opened_at = position_of(await load_book(ledger, book_id), metadata)
    if opened_at is None:
        raise IdempotencyKeyReused
    return Settled(await load_book(ledger, book_id, opened_at), opened_at, replayed=True)


async def amend_book(
    ledger: Ledger,
    metadata: Metadata,
    book_id: UUID,
    name: str | None = None,
    description: str | None = None,
    opening_balance: str | None = None,
    check: BookCheck = unconditional,
) -> Settled:
    """Change what is given."""

    def change(book: Book) -> None:
        balance = None if opening_balance is None else minor_units("opening_balance", opening_balance, book.currency)
        book.amend(name, description, balance)

    return await change_book(ledger, metadata, book_id, OWNERS, change, check)


async def delete_book(ledger: Ledger, metadata: Metadata, book_id: UUID, check: BookCheck = unconditional) -> Settled:
    return await change_book(ledger, metadata, book_id, OWNERS, Book.delete, check)


async def restore_book(ledger: Ledger, metadata: Metadata, book_id: UUID, check: BookCheck = unconditional) -> Settled:
    return await change_book(ledger, metadata, book_id, OWNERS, Book.restore, check)


async def close_period(
    ledger: Ledger, metadata: Metadata, book_id: UUID, through: date, check: BookCheck = unconditional
) -> Settled:
    """Refuse, from now on, any change of what is dated on or before `through`."""
    return await change_book(ledger, metadata, book_id, OWNERS, lambda book: book.close(through), check)


async def reopen_period(
    ledger: Ledger, metadata: Metadata, book_id: UUID, reason: str, check: BookCheck = unconditional
) -> Settled:
    """Take the latest closing back."""
    return await change_book(ledger, metadata, book_id, OWNERS, lambda book: book.reopen(reason), check)


async def add_category(
    ledger: Ledger, metadata: Metadata, book_id: UUID, kind: str, name: str
) -> tuple[Category, Settled]:
    category_id = ledger.id_for(metadata)
    added = await change_book(
        ledger, metadata, book_id, WRITERS, lambda book: book.add_category(category_id, kind, name)
    )
    return added.book.category(category_id), added


async def rename_category(
    ledger: Ledger,
    metadata: Metadata,
    book_id: UUID,
    category_id: UUID,
    name: str,
    check: BookCheck = unconditional,
) -> Category:
    def change(book: Book) -> None:
        book.rename_category(category_id, name)

    return (await change_book(ledger, metadata, book_id, WRITERS, change, check)).book.category(category_id)


async def delete_category(
    ledger: Ledger, metadata: Metadata, book_id: UUID, category_id: UUID, check: BookCheck = unconditional
) -> None:
    await change_book(ledger, metadata, book_id, WRITERS, lambda book: book.delete_category(category_id), check)


async def restore_category(
    ledger: Ledger, metadata: Metadata, book_id: UUID, category_id: UUID, check: BookCheck = unconditional
) -> tuple[Category, Settled]:
    restored = await change_book(
        ledger, metadata, book_id, WRITERS, lambda book: book.restore_category(category_id), check
    )
    return restored.book.category(category_id), restored
