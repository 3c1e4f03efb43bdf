"""How every command is decided.

An entry is decided on a cached book: the append carries the guard "book still at this version", so a decision on
a book that has moved is never recorded, and a refusal is given only on the book as it is stored.

A retry of an operation (one Idempotency-Key) finds what it did before: what it made has an id that follows from the
operation, and its events name it. It is then answered from the events up to there, as it was the first time.
"""

import asyncio
import hmac
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, TypeVar
from uuid import UUID

from cachetools import LRUCache, TTLCache

from eventstore.aggregate import Aggregate
from eventstore.codec import Metadata
from eventstore.errors import Conflict
from eventstore.ids import id_of
from eventstore.store import AnyAggregate, Appended, Change, EventStore, Guard, replay
from ledger.book import MEMBERS, WRITERS, Book
from ledger.entry import Entry
from ledger.errors import BookNotFound, EntryNotFound, IdempotencyKeyReused, InvalidField, LedgerError, TooBusy
from ledger.money import parse_amount, require_positive

ATTEMPTS_MAX: Final = 10
CACHED_BOOKS_MAX: Final = 2_000
CACHED_SECONDS_MAX: Final = 600
"""How long a book's names stay in memory, also of a process that has not heard that the book was erased."""
FILES_MAX: Final = 2
"""Worked on at the same time: each takes a connection, and the files that wait are on disk."""
CACHED_LINKS_MAX: Final = 2_000

Decided = TypeVar("Decided")


class FindUser(Protocol):
    """Tells a user's e-mail address, and the guards that he is not erased since; the ledger itself knows neither."""

    async def __call__(self, user_id: UUID) -> tuple[str, Sequence[Guard]]: ...


class Ledger:
    """The store, the books lately in use, the last openings of links, and what commands need of the world."""

    def __init__(
        self,
        store: EventStore,
        new_id: Callable[[], UUID],
        clock: Callable[[], datetime],
        find_user: FindUser,
        secret: bytes,
    ) -> None:
        self.store = store
        self.new_id = new_id
        self.clock = clock
        self.find_user = find_user
        self.books: TTLCache[UUID, Book] = TTLCache(CACHED_BOOKS_MAX, CACHED_SECONDS_MAX)
        self.openings: LRUCache[UUID, int] = LRUCache(CACHED_LINKS_MAX)
        self.share_key = hmac.digest(secret, b"share codes", "sha256")
        self.files = asyncio.Semaphore(FILES_MAX)
        self._secret = secret

    def id_for(self, metadata: Metadata, what: str = "") -> UUID:
        """The id of what a command makes: the operation's own, or for another thing one that follows from it."""
        if metadata.operation is None:
            return self.new_id()
        return id_of(self._derive(metadata.operation, what)) if what else metadata.operation

    def secret_for(self, metadata: Metadata, length: int) -> bytes:
        """Random bytes; for an operation those that it had the first time, so that a lost answer can be given again."""
        if metadata.operation is None:
            return os.urandom(length)
        return self._derive(metadata.operation, "secret")[:length]

    def key_for(self, book_id: UUID) -> bytes:
        """The key under which a book's imported entries are recognised."""
        return self._derive(book_id, "imported entries")

    def _derive(self, operation: UUID, what: str) -> bytes:
        return hmac.digest(self._secret, operation.bytes + what.encode(), "sha256")


@dataclass(frozen=True)
class Placed:
    """An entry, with the book that it is seen in; `replayed` where this is a retry's answer."""

    book: Book
    entry: Entry
    replayed: bool = False


@dataclass(frozen=True)
class Settled:
    """A book after a command; an operation is shown, at every attempt, as it left the book at `position`.

    None: as the book is now.
    """

    book: Book
    position: int | None = None
    replayed: bool = False


BookCheck = Callable[[Book], Awaitable[None]]
"""A precondition of the caller (If-Match) on the stored book; raises to refuse.

It reads after the book was loaded, so nothing older; where it reads something newer, the append conflicts.
"""


async def unconditional(_book: Book) -> None:
    """No precondition."""


async def decide_on_book(
    ledger: Ledger,
    book_id: UUID,
    decide: Callable[[Book], Awaitable[Decided]],
    find_earlier: Callable[[Book], Awaitable[Decided | None]] | None = None,
) -> Decided:
    """Decide on the cached book; where that ends in refusal or conflict, decide anew on the stored one.

    `find_earlier` looks for what the same operation did before, which `decide` must not do again: it ends in conflict.
    Raises: BookNotFound, TooBusy, and what `decide` raises.
    """
    cached = ledger.books.get(book_id)
    if cached is not None:
        try:
            return await decide(cached)
        except (LedgerError, Conflict):
            ledger.books.pop(book_id, None)
    for _ in range(ATTEMPTS_MAX):
        book = ledger.books[book_id] = await load_book(ledger, book_id)
        try:
            return await decide(book)
        except (LedgerError, Conflict) as refusal:
            # Looked for last: what was refused may have been decided on what came after a twin.
            earlier = await find_earlier(book) if find_earlier else None
            if earlier is not None:
                return earlier
            if isinstance(refusal, LedgerError):
                raise
            ledger.books.pop(book_id, None)
    raise TooBusy


async def change_book(
    ledger: Ledger,
    metadata: Metadata,
    book_id: UUID,
    roles: frozenset[str],
    change: Callable[[Book], None],
    check: BookCheck = unconditional,
) -> Settled:
    """Change the stored book; the cached one serves others meanwhile and is never changed in place."""

    async def attempt() -> Settled:
        book = await load_book(ledger, book_id)
        book.require_role(metadata.actor, MEMBERS)
        done_at = position_of(book, metadata)
        if done_at is not None:
            return Settled(await load_book(ledger, book_id, done_at), done_at, replayed=True)
        book.require_role(metadata.actor, roles)
        await check(book)
        change(book)
        if not book.unrecorded_events():
            return Settled(book)
        appended = await ledger.store.append(metadata, [Change(book_id, book)])
        ledger.books[book_id] = book
        return settled(metadata, book, appended)

    return await retrying(attempt)


async def retrying(attempt: Callable[[], Awaitable[Decided]]) -> Decided:
    """Decide anew where what was decided on moved on meanwhile. Raises: TooBusy."""
    for _ in range(ATTEMPTS_MAX):
        try:
            return await attempt()
        except Conflict:
            continue
    raise TooBusy


def settled(metadata: Metadata, book: Book, appended: Appended) -> Settled:
    """The book as a first attempt leaves it."""
    return Settled(book, appended.position if metadata.operation else None)


def position_of(aggregate: Aggregate, metadata: Metadata) -> int | None:
    """Where the operation ended in an aggregate that it changed before. Raises: IdempotencyKeyReused."""
    if metadata.operation is None or metadata.operation not in aggregate.operations:
        return None
    done = aggregate.operations[metadata.operation]
    if done.fingerprint != metadata.fingerprint:
        raise IdempotencyKeyReused
    return done.position


async def made_before(
    ledger: Ledger, metadata: Metadata, book: Book, kind: type[AnyAggregate], stream_id: UUID | None
) -> AnyAggregate | None:
    """What the same operation made, as it was then; None where it made nothing.

    Raises: IdempotencyKeyReused where another request took the id; BookNotFound for who is no member any more.
    """
    if metadata.operation is None or stream_id is None:
        return None
    book.require_role(metadata.actor, MEMBERS)
    events = await ledger.store.load_events(book.id, stream_id)
    if not events:
        return None
    made = replay(kind, (event for event in events if event.operation == metadata.operation))
    if made is None or position_of(made, metadata) is None:
        raise IdempotencyKeyReused
    return made


async def placed_before(ledger: Ledger, metadata: Metadata, book: Book, entry_id: UUID | None) -> Placed | None:
    """The entry that the same operation made, with its book, as they were then."""
    entry = await made_before(ledger, metadata, book, Entry, entry_id)
    if entry is None:
        return None
    return Placed(await load_book(ledger, book.id, position_of(entry, metadata)), entry, replayed=True)


async def load_book(ledger: Ledger, book_id: UUID, position_max: int | None = None) -> Book:
    """Raises: BookNotFound."""
    book = await ledger.store.load(book_id, Book, book_id, position_max)
    if book is None:
        raise BookNotFound
    return book


async def load_entry(ledger: Ledger, book_id: UUID, entry_id: UUID) -> Entry:
    """Raises: EntryNotFound."""
    entry = await ledger.store.load(book_id, Entry, entry_id)
    if entry is None:
        raise EntryNotFound
    return entry


def guard_on(book: Book) -> Guard:
    """The book is still as it was when this was decided."""
    return Guard(book.id, book.id, book.version)


def require_writer(book: Book, metadata: Metadata) -> None:
    """Raises: BookNotFound, NotPermitted, BookDeleted."""
    book.require_role(metadata.actor, WRITERS)
    book.require_live()


def usable_category(book: Book, category_id: UUID | None) -> UUID | None:
    """Raises: InvalidField."""
    if category_id is not None and (category_id not in book.categories or book.categories[category_id].deleted):
        raise InvalidField("category_id", "This book has no such category, or it is deleted.")
    return category_id


def minor_units(field: str, text: str, currency: str, *, positive: bool = False) -> int:
    """Raises: InvalidField."""
    try:
        amount_minor = parse_amount(text, currency)
        return require_positive(amount_minor) if positive else amount_minor
    except ValueError as error:
        raise InvalidField(field, str(error)) from None
