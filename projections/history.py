"""The history of an entry, a book or a category: who changed what, and when; read from the events themselves."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import orjson
from eventsourcing.utils import get_topic
from msgspec import Meta

from eventstore.aggregate import Aggregate
from eventstore.codec import RecordedEvent
from eventstore.sql import statement
from ledger.book import Book, Category
from ledger.entry import Entry
from ledger.errors import BookNotFound, CategoryNotFound, EntryNotFound
from ledger.money import format_amount
from ledger.views import KINDS_SHOWN, category_view
from projections.engine import Engine
from projections.moments import Moment
from projections.paging import Page, ShortList

_READ = statement(__package__, "read_history")

VERSION_MAX: Final = 2**31 - 1
HISTORY: Final = ShortList("history", ("version",), (Annotated[int, Meta(ge=1, le=VERSION_MAX)],))

AnyAggregate = TypeVar("AnyAggregate", bound=Aggregate)
Fields = dict[str, Any]


@dataclass(frozen=True)
class _Told:
    """A stream of a book, and what its events are shown with."""

    currency: str
    categories: dict[str, list[Any]]
    events: Sequence[RecordedEvent]
    actor_names: Sequence[str | None]


async def entry_history(
    engine: Engine, user_id: UUID | None, book_id: UUID, entry_id: UUID, page: Page, moment: Moment
) -> Fields:
    """What happened to an entry until a moment, oldest first. Raises: BookNotFound, EntryNotFound."""
    told = await _read(engine, user_id, book_id, entry_id, moment, _last_of(page))

    def fields(entry: Entry) -> Fields:
        return entry_fields(entry, told.currency, lambda category_id: _category(told, category_id))

    if not told.events or not isinstance(told.events[0].event, Entry.Recorded):
        raise EntryNotFound
    return HISTORY.page_of(list(_items(told, Entry, fields)), page)


async def book_history(engine: Engine, user_id: UUID | None, book_id: UUID, page: Page, moment: Moment) -> Fields:
    """What happened to a book, its members, categories and closed periods. Raises: BookNotFound."""
    told = await _read(engine, user_id, book_id, book_id, moment, _last_of(page))
    if not told.events:
        raise BookNotFound
    return HISTORY.page_of(list(_items(told, Book, lambda book: book_fields(book, told.currency))), page)


async def category_history(
    engine: Engine, user_id: UUID | None, book_id: UUID, category_id: UUID, page: Page, moment: Moment
) -> Fields:
    """What happened to a category. Raises: BookNotFound, CategoryNotFound."""
    told = await _read(engine, user_id, book_id, book_id, moment, VERSION_MAX)
    items = [item for item in _items(told, Book, lambda book: _category_fields(book, category_id)) if item["changes"]]
    if not items:
        raise CategoryNotFound
    return HISTORY.page_of(items, page)


def entry_fields(entry: Entry, currency: str, category: Callable[[UUID | None], Fields | None]) -> Fields:
    """What the changes of an entry are told in."""
    posting = entry.posting
    return {
        "kind": KINDS_SHOWN[posting.kind],
        "amount": format_amount(posting.amount_minor, currency),
        "occurred_on": posting.occurred_on,
        "category": category(posting.category_id),
        "memo": entry.memo,
        "tags": list(entry.tags or []),
        "deleted": entry.deleted,
    }


def _last_of(page: Page) -> int:
    """The version that tells whether more follows a page; to tell what changed, all before are needed."""
    after: int = page.after[0] if page.after else 0
    return min(after + page.limit + 1, VERSION_MAX)


async def _read(
    engine: Engine, user_id: UUID | None, book_id: UUID, stream_id: UUID, moment: Moment, version_max: int
) -> _Told:
    """Raises: BookNotFound, also before the book was opened."""
    rows = await engine.fetch_fresh(_READ, user_id, book_id, stream_id, *moment, version_max)
    if not rows or rows[0]["role"] is None or rows[0]["until"] < 1:
        raise BookNotFound
    found = [row for row in rows if row["position"] is not None]
    categories = orjson.loads(rows[0]["categories"] or "{}")
    return _Told(rows[0]["currency"], categories, engine.decode(found), [row["actor_name"] for row in found])


def _items(told: _Told, kind: type[AnyAggregate], fields: Callable[[AnyAggregate], Fields]) -> Iterator[Fields]:
    """Replay a stream, and tell after each event what is different."""
    aggregate: Aggregate | None = None
    before: Fields = {}
    for recorded, actor_name in zip(told.events, told.actor_names, strict=True):
        aggregate = recorded.event.mutate(aggregate)
        after = fields(aggregate) if isinstance(aggregate, kind) else {}
        yield {
            "version": recorded.version,
            "position": recorded.position,
            "recorded_at": recorded.recorded_at,
            "actor": {"id": recorded.actor, "name": actor_name} if recorded.actor else None,
            "type": get_topic(type(recorded.event)),
            "changes": changes(before, after),
            **remark(recorded.event),
        }
        before = after


def changes(before: Fields, after: Fields) -> Fields:
    """What is different, from → to; of what is new, everything."""
    names = [*after, *(name for name in before if name not in after)]
    return {
        name: {"from": before.get(name), "to": after.get(name)}
        for name in names
        if before.get(name) != after.get(name) or (name in after and not before)
    }


def remark(event: Any) -> Fields:
    """What an event says beside its changes."""
    remarks = {Book.PeriodReopened: ("reason",), Entry.Reverted: ("to_version",)}
    return {name: getattr(event, name) for name in remarks.get(type(event), ())}


def _category(told: _Told, category_id: UUID | None) -> Fields | None:
    if category_id is None:
        return None
    name, kind, deleted = told.categories[str(category_id)]
    return category_view(category_id, name, kind, deleted=deleted)


def book_fields(book: Book, currency: str) -> Fields:
    """What the changes of a book are told in."""
    return {
        "name": book.name,
        "description": book.description,
        "currency": currency,
        "opening_balance": format_amount(book.opening_balance_minor, currency),
        "closed_through": book.closings[-1] if book.closings else None,
        "deleted": book.deleted,
        **{f"members.{user_id}": role for user_id, role in book.members.items()},
        **{f"categories.{category.category_id}": _named(category) for category in book.categories.values()},
    }


def _category_fields(book: Book, category_id: UUID) -> Fields:
    category = book.categories.get(category_id)
    return _named(category) if category else {}


def _named(category: Category) -> Fields:
    return {"name": category.name, "kind": category.kind, "deleted": category.deleted}
