"""Histories of many books, made as bytes and copied into a store: what a rebuild has to read."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from uuid_utils.compat import uuid7

from bench.books import FIRST_DAY
from bench.imports import CATEGORIES, MEMOS, TAGS
from eventstore.codec import EncodedEvent, Metadata, PlainEvent, encode, encode_plain, fresh_nonces, metadata_fields
from eventstore.keys import Keyring, MasterKey
from ledger.book import Book, Category
from ledger.entry import Entry, Posting

NONCES: Final = 1_000
DAYS: Final = 730
BEGAN: Final = datetime(2025, 1, 1, tzinfo=UTC)
AMENDED, DELETED, RESTORED = 0.10, 0.16, 0.18
"""Of a hundred events ten amend, six delete and two restore; the others record."""

EVENT_COLUMNS: Final = ("journal_id", "position", "stream_id", "version", "topic", "state", "recorded_at")


@dataclass(frozen=True)
class Pen:
    """What the events of one journal are written with."""

    journal_id: UUID
    key: AESGCM
    metadata: Metadata
    chance: random.Random


async def fill(dsn: str, master_key: str, journals: int, events_each: int) -> None:
    """Copy the histories of so many new books into a migrated store, each with so many events; as its owner."""
    keyring, owner_id = Keyring(MasterKey.from_text(master_key)), uuid7()
    connection = await asyncpg.connect(dsn)
    try:
        for number in range(journals):
            await _fill_journal(connection, keyring, owner_id, number, events_each)
    finally:
        await connection.close()


async def _fill_journal(
    connection: asyncpg.Connection, keyring: Keyring, owner_id: UUID, number: int, events: int
) -> None:
    journal_id = uuid7()
    key, wrapped_key = keyring.create(journal_id)
    pen = Pen(journal_id, key, Metadata(owner_id, str(journal_id)), random.Random(number))
    rows = [
        (journal_id, position, event.stream_id, event.version, event.topic, event.state, _time(position))
        for position, event in enumerate(_history(pen, events), 1)
    ]
    async with connection.transaction():
        copy = connection.copy_records_to_table
        await copy("events", schema_name="eventstore", columns=EVENT_COLUMNS, records=rows)
        await copy("journal_keys", schema_name="eventstore", records=[(journal_id, wrapped_key)])
        await copy("journals", schema_name="eventstore", records=[(journal_id, "book", events, _time(events))])


def _time(position: int) -> datetime:
    return BEGAN + timedelta(seconds=position)


def _history(pen: Pen, events: int) -> Iterator[EncodedEvent]:
    """A book, and what happens to its entries."""
    book, categories = _book(pen)
    for event in book.unrecorded_events():
        yield encode(event, pen.journal_id, pen.metadata, pen.key)
    told = {name: value and str(value) for name, value in metadata_fields(pen.metadata).items()}
    nonces = fresh_nonces(NONCES)
    for plain in _entries(pen.chance, categories, events - 1):
        yield encode_plain(plain, pen.journal_id, told, pen.key, nonces)


def _book(pen: Pen) -> tuple[Book, list[UUID]]:
    categories = [Category(uuid7(), "expense", name) for name in CATEGORIES]
    book = open_book(pen.journal_id, pen.metadata, categories)
    return book, [category.category_id for category in categories]


def open_book(book_id: UUID, metadata: Metadata, categories: list[Category]) -> Book:
    assert metadata.actor
    return Book(
        id=book_id,
        name="집",
        description="",
        currency="KRW",
        opening_balance_minor=0,
        owner_id=metadata.actor,
        categories=categories,
    )


def _entries(chance: random.Random, categories: list[UUID], count: int) -> Iterator[PlainEvent]:
    live: dict[UUID, tuple[int, Posting]] = {}
    deleted: dict[UUID, tuple[int, Posting]] = {}
    for number in range(count):
        draw = chance.random()
        if draw < AMENDED and live:
            yield _amend(chance, live)
        elif AMENDED <= draw < DELETED and live:
            yield _delete(live, deleted)
        elif DELETED <= draw < RESTORED and deleted:
            yield _restore(live, deleted)
        else:
            yield _record(chance, categories, live, number)


def _record(
    chance: random.Random, categories: list[UUID], live: dict[UUID, tuple[int, Posting]], number: int
) -> PlainEvent:
    posting = Posting(
        chance.randrange(10, 3_000) * 100,
        chance.choice(categories),
        "income" if number % 20 == 0 else "expense",
        FIRST_DAY + timedelta(days=number % DAYS),
    )
    entry_id, tags = uuid7(), chance.choice(TAGS)
    live[entry_id] = (1, posting)
    fields: dict[str, Any] = {
        "adds": posting,
        "memo": f"{chance.choice(MEMOS)} {number}",
        "tags": tags.split(";") if tags else [],
        "copied_from": None,
        "batch_id": None,
        "transfer": None,
    }
    return PlainEvent(Entry.Recorded, entry_id, 1, fields)


def _amend(chance: random.Random, live: dict[UUID, tuple[int, Posting]]) -> PlainEvent:
    entry_id = next(reversed(live))
    version, posting = live[entry_id]
    moved = replace(posting, amount_minor=chance.randrange(10, 3_000) * 100)
    live[entry_id] = (version + 1, moved)
    fields: dict[str, Any] = {"removes": posting, "adds": moved, "memo": None, "tags": None}
    return PlainEvent(Entry.Amended, entry_id, version + 1, fields)


def _delete(live: dict[UUID, tuple[int, Posting]], deleted: dict[UUID, tuple[int, Posting]]) -> PlainEvent:
    entry_id, (version, posting) = live.popitem()
    deleted[entry_id] = (version + 1, posting)
    return PlainEvent(Entry.Deleted, entry_id, version + 1, {"removes": posting, "batch_id": None})


def _restore(live: dict[UUID, tuple[int, Posting]], deleted: dict[UUID, tuple[int, Posting]]) -> PlainEvent:
    entry_id, (version, posting) = deleted.popitem()
    live[entry_id] = (version + 1, posting)
    return PlainEvent(Entry.Restored, entry_id, version + 1, {"adds": posting})
