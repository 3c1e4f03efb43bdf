"""Read model: the links to entries, found by their ids alone, with how often each was opened."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import asyncpg
from msgspec import Meta

from eventstore.codec import RecordedEvent
from eventstore.database import Transaction
from eventstore.sql import statement
from ledger.errors import BookNotFound, EntryNotFound, ShareGone, ShareNotFound
from ledger.money import format_amount
from ledger.share import ShareLink, ShareOpening
from ledger.views import KINDS_SHOWN
from projections.engine import Engine, ReadModel
from projections.moments import Moment
from projections.paging import Page, page_of

_LOAD = statement(__package__, "load_shares")
_SAVE = statement(__package__, "save_shares")
_GET = statement(__package__, "get_share")
_LIST = statement(__package__, "list_shares")

CURSOR: Final[tuple[Any, ...]] = (Annotated[datetime, Meta(tz=True)], UUID)


@dataclass
class ShareRow:
    """The columns of `shares`, in their order; `since`, `revoked_since` and `opened` are positions of the journal."""

    journal_id: UUID
    share_id: UUID
    entry_id: UUID
    expires_at: datetime
    created_at: datetime
    since: int
    revoked_since: int | None = None
    opened: list[int] = field(default_factory=list)


Key = tuple[UUID, UUID]


def fold(rows: dict[Key, ShareRow], events: Iterable[RecordedEvent]) -> None:
    """Apply events to rows, in place; rows of links issued earlier must be there."""
    for recorded in events:
        key = _key(recorded)
        if key is None:
            continue
        match recorded.event:
            case ShareLink.Issued() as event:
                at, since = recorded.recorded_at, recorded.position
                rows[key] = ShareRow(*key, event.entry_id, event.expires_at, at, since)
            case ShareLink.Revoked():
                rows[key].revoked_since = recorded.position
            case ShareOpening.Opened():
                rows[key].opened.append(recorded.position)


def _key(recorded: RecordedEvent) -> Key | None:
    """The link that an event is about."""
    match recorded.event:
        case ShareLink.Event():
            return recorded.journal_id, recorded.stream_id
        case ShareOpening.Opened() as event:
            return recorded.journal_id, event.share_id
    return None


async def project(transaction: Transaction, events: Sequence[RecordedEvent]) -> None:
    keys = {key for event in events if (key := _key(event))}
    if not keys:
        return
    loaded = await transaction.fetch(_LOAD, *zip(*keys, strict=True))
    rows = {(row["journal_id"], row["share_id"]): ShareRow(**row) for row in loaded}
    fold(rows, events)
    await transaction.execute(_SAVE, *zip(*map(_columns, rows.values()), strict=True))


def _columns(row: ShareRow) -> tuple[Any, ...]:
    return (*list(vars(row).values())[:-1], ",".join(map(str, row.opened)))


SHARES: Final = ReadModel("shares", "book", 1, ("shares",), project)


@dataclass(frozen=True)
class Shared:
    """What a link shows, and where its openings are counted."""

    book_id: UUID
    opens: int
    view: dict[str, Any]


async def find_shared(engine: Engine, share_id: UUID, now: datetime) -> Shared:
    """Read the entry that a link leads to, as it is now.

    Raises: ShareGone; ShareNotFound, also once the entry or its book is deleted.
    """
    rows = await engine.fetch_fresh(_GET, share_id)
    if not rows:
        raise ShareNotFound
    row = rows[0]
    if row["revoked"] or now >= row["expires_at"]:
        raise ShareGone
    if row["deleted"]:
        raise ShareNotFound
    return Shared(row["journal_id"], row["opens"], _shared_view(row))


def _shared_view(row: asyncpg.Record) -> dict[str, Any]:
    """Whoever has the code sees these and nothing else: no ids, no names of people, no tags."""
    return {
        "amount": format_amount(row["amount_minor"], row["currency"]),
        "kind": KINDS_SHOWN[row["kind"]],
        "currency": row["currency"],
        "occurred_on": row["occurred_on"],
        "memo": row["memo"],
        "category": row["category_name"],
    }


async def list_shares(
    engine: Engine, user_id: UUID | None, book_id: UUID, entry_id: UUID, page: Page, moment: Moment
) -> dict[str, Any]:
    """List the links to an entry as they were at a moment, latest first. Raises: BookNotFound, EntryNotFound."""
    rows = await engine.fetch_fresh(
        _LIST, user_id, book_id, entry_id, *moment, *(page.after or (None, None)), page.limit + 1
    )
    if not rows or rows[0]["role"] is None or rows[0]["until"] < 1:
        raise BookNotFound
    if not rows[0]["entry_exists"]:
        raise EntryNotFound
    found = [row for row in rows if row["share_id"] is not None]
    return page_of(found, page, _view, lambda row: (row["created_at"], row["share_id"]))


def _view(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "id": row["share_id"],
        "expires_at": row["expires_at"],
        "created_at": row["created_at"],
        "opens": row["opens"],
        "revoked": row["revoked"],
    }
