"""Books and entries for stories, and their events as the store would give them back."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from eventstore.aggregate import Aggregate
from eventstore.codec import RecordedEvent
from ledger.book import Book, Category
from ledger.entry import Entry, Posting
from tests.given import an_id

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
DAY = date(2026, 11, 23)
OWNER, EDITOR, VIEWER, STRANGER = an_id(1), an_id(2), an_id(3), an_id(4)
BOOK, ENTRY = an_id(10), an_id(20)
FOOD = Category(an_id(31), "expense", "Food")
SALARY = Category(an_id(32), "income", "Salary")


def a_book(book_id: UUID = BOOK, **fields: Any) -> Book:
    defaults = {
        "name": "Home",
        "description": "",
        "currency": "KRW",
        "opening_balance_minor": 0,
        "owner_id": OWNER,
        "categories": [FOOD, SALARY],
    }
    return Book(id=book_id, **{**defaults, **fields})


def a_posting(amount_minor: int = 12_000, **fields: Any) -> Posting:
    defaults = {"category_id": FOOD.category_id, "kind": "expense", "occurred_on": DAY}
    return Posting(amount_minor, **{**defaults, **fields})


def an_entry(entry_id: UUID = ENTRY, posting: Posting | None = None, **fields: Any) -> Entry:
    defaults = {"memo": "lunch", "tags": ["noodles"], "copied_from": None}
    return Entry(id=entry_id, adds=posting or a_posting(), **{**defaults, **fields})


class Journal:
    """A journal told step by step; its n-th event is recorded n seconds after START."""

    def __init__(self, journal_id: UUID = BOOK) -> None:
        self.journal_id = journal_id
        self.events: list[RecordedEvent] = []

    def record(self, aggregate: Aggregate, actor: UUID | None = OWNER) -> list[RecordedEvent]:
        """Take the pending events of an aggregate. Returns: them, as recorded."""
        before = len(self.events)
        for event in aggregate.unrecorded_events():
            position = len(self.events) + 1
            at = START + timedelta(seconds=position)
            self.events.append(
                RecordedEvent(
                    self.journal_id,
                    position,
                    event.originator_id,
                    event.originator_version,
                    at,
                    actor,
                    "request",
                    event,
                )
            )
        aggregate.stamp(START + timedelta(seconds=len(self.events)), actor)
        return self.events[before:]
