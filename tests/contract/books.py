"""Books and entries recorded in a real store."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from eventstore.codec import Metadata, RecordedEvent
from eventstore.store import Change, EventStore, Guard
from ledger.book import Book
from ledger.entry import Entry
from tests.told import a_book, an_entry


async def opened(store: EventStore, metadata: Metadata, **fields: Any) -> Book:
    """Open a book of the acting user."""
    book = a_book(uuid7(), **{"owner_id": metadata.actor, **fields})
    await store.append(metadata, [Change(book.id, book)])
    return book


async def recorded(store: EventStore, metadata: Metadata, book: Book, **fields: Any) -> Entry:
    """Record an entry under the guard that the ledger puts on it."""
    entry = an_entry(uuid7(), **fields)
    await store.append(metadata, [Change(book.id, entry)], [guard_on(book)])
    return entry


def guard_on(book: Book) -> Guard:
    return Guard(book.id, book.id, book.version)


async def everything(store: EventStore, journal_id: UUID) -> list[RecordedEvent]:
    """Read a journal to its end, page by page."""
    events: list[RecordedEvent] = []
    while page := await store.read(journal_id, after=events[-1].position if events else 0):
        events += page
    return events


def gapless(events: Iterable[RecordedEvent]) -> bool:
    """Tell whether positions run 1, 2, 3 … and so do the versions of every stream."""
    versions: dict[UUID, int] = {}
    for position, event in enumerate(events, start=1):
        versions[event.stream_id] = versions.get(event.stream_id, 0) + 1
        if (event.position, event.version) != (position, versions[event.stream_id]):
            return False
    return True
