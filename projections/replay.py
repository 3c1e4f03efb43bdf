"""The story of a book, event by event, with its balance after each; read from the events themselves."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from eventsourcing.utils import get_topic

from eventstore.aggregate import Aggregate
from eventstore.codec import RecordedEvent
from eventstore.sql import statement
from eventstore.store import READ_JOURNALS
from ledger.book import Book
from ledger.entry import Entry
from ledger.errors import BookNotFound
from ledger.money import format_amount
from ledger.views import view_of_category
from projections.engine import BYTES_MAX, Engine
from projections.history import Fields, book_fields, changes, entry_fields, remark
from projections.moments import Moment
from projections.postings import Sums, add, moved, net_minor
from projections.users import find_users

_READ_STREAMS = statement(__package__, "read_streams_until")

PAGE_EVENTS: Final = 500
"""Read at once, with what came before in the streams that they change; bounds memory."""


@dataclass
class _Story:
    """A book as far as its story is told."""

    book: Book
    sums: Sums = field(default_factory=Sums)
    names: dict[UUID, str | None] = field(default_factory=dict)

    @property
    def balance(self) -> str:
        return format_amount(self.book.opening_balance_minor + net_minor(vars(self.sums)), self.book.currency)

    def fields(self, aggregate: Aggregate | None) -> Fields:
        """What an aggregate says of itself; of streams that are no part of the accounts, nothing."""
        currency = self.book.currency
        match aggregate:
            case Book():
                return book_fields(aggregate, currency)
            case Entry():
                return entry_fields(aggregate, currency, self._category)
        return {}

    def _category(self, category_id: UUID | None) -> Fields | None:
        return view_of_category(self.book.categories[category_id]) if category_id else None

    def count(self, event: Aggregate.Event) -> None:
        for posting, sign in moved(event):
            add(self.sums, posting, sign)


async def replay_book(engine: Engine, book_id: UUID, moment: Moment) -> AsyncIterator[Fields]:
    """Tell what happened to a book until a moment (inclusive), oldest first. Raises: BookNotFound."""
    story: _Story | None = None
    position = 0
    while events := await _page(engine, book_id, position, moment):
        streams = await _streams_before(engine, book_id, events, position)
        if story is None:
            story = _Story(_opened(events[0]))
        else:
            streams[book_id] = story.book
        await _learn_names(engine, story, events)
        for recorded in events:
            yield _told(story, streams, recorded)
        position = events[-1].position
    if story is None:
        raise BookNotFound


async def _page(engine: Engine, book_id: UUID, after: int, moment: Moment) -> list[RecordedEvent]:
    """The next events until the moment; times never go backwards within a journal."""
    events = engine.decode(await engine.fetch(READ_JOURNALS, [book_id], [after], PAGE_EVENTS, BYTES_MAX))
    return [event for event in events if _is_within(event, moment)]


def _is_within(event: RecordedEvent, moment: Moment) -> bool:
    if moment.at is not None:
        return event.recorded_at <= moment.at
    return moment.position is None or event.position <= moment.position


async def _streams_before(
    engine: Engine, book_id: UUID, events: Sequence[RecordedEvent], position: int
) -> dict[UUID, Aggregate | None]:
    """What the streams that some events change were at a position; the book's own is kept by the story."""
    begun = {event.stream_id for event in events if event.version == 1}
    earlier = {event.stream_id for event in events} - begun - {book_id}
    rows = await engine.fetch(_READ_STREAMS, book_id, list(earlier), position) if earlier else []
    return {
        stream_id: _replayed(told) for stream_id, told in groupby(engine.decode(rows), lambda event: event.stream_id)
    }


def _replayed(events: Iterable[RecordedEvent]) -> Aggregate | None:
    aggregate: Aggregate | None = None
    for recorded in events:
        aggregate = recorded.event.mutate(aggregate)
    return aggregate


def _opened(first: RecordedEvent) -> Book:
    """Raises: BookNotFound, where the journal is of another kind."""
    book = _replayed([first])
    if not isinstance(book, Book):
        raise BookNotFound
    return book


async def _learn_names(engine: Engine, story: _Story, events: Iterable[RecordedEvent]) -> None:
    unknown = {event.actor for event in events if event.actor} - story.names.keys()
    if unknown:
        users = await find_users(engine, unknown)
        story.names |= {user_id: user["name"] for user_id, user in users.items()}


def _told(story: _Story, streams: dict[UUID, Aggregate | None], recorded: RecordedEvent) -> Fields:
    stream_id = recorded.stream_id
    before = story.fields(streams.get(stream_id))
    streams[stream_id] = aggregate = recorded.event.mutate(streams.get(stream_id))
    if isinstance(aggregate, Book):
        story.book = aggregate
    story.count(recorded.event)
    actor: Any = {"id": recorded.actor, "name": story.names[recorded.actor]} if recorded.actor else None
    return {
        "position": recorded.position,
        "recorded_at": recorded.recorded_at,
        "actor": actor,
        "stream": stream_id,
        "version": recorded.version,
        "type": get_topic(type(recorded.event)),
        "changes": changes(before, story.fields(aggregate)),
        **remark(recorded.event),
        "balance": story.balance,
    }
