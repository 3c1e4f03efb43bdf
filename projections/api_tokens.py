"""Read model: the API tokens of a user."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from auth.api_token import ApiToken
from eventstore.codec import RecordedEvent
from eventstore.database import Transaction
from eventstore.sql import statement
from projections.engine import Engine, ReadModel

_LOAD = statement(__package__, "load_api_tokens")
_SAVE = statement(__package__, "save_api_tokens")
_LIST = statement(__package__, "list_api_tokens")


@dataclass
class ApiTokenRow:
    """The columns of `api_tokens`, in their order."""

    journal_id: UUID
    token_id: UUID
    name: str | None
    scopes: str
    books: str | None
    created_at: datetime
    expires_at: datetime
    last_used_on: date | None = None
    revoked: bool = False


def fold(rows: dict[UUID, ApiTokenRow], events: Iterable[RecordedEvent]) -> None:
    """Apply events to rows, in place; rows of tokens issued earlier must be there."""
    for recorded in events:
        token_id = recorded.stream_id
        match recorded.event:
            case ApiToken.Issued() as event:
                books = None if event.books is None else ",".join(map(str, event.books))
                limits = (event.name, " ".join(event.scopes), books)
                times = (recorded.recorded_at, event.expires_at)
                rows[token_id] = ApiTokenRow(recorded.journal_id, token_id, *limits, *times)
            case ApiToken.Used() as event:
                rows[token_id].last_used_on = event.used_on
            case ApiToken.Revoked():
                rows[token_id].revoked = True


async def project(transaction: Transaction, events: Sequence[RecordedEvent]) -> None:
    of_tokens = [event for event in events if isinstance(event.event, ApiToken.Event)]
    keys = list({(event.journal_id, event.stream_id) for event in of_tokens})
    if not keys:
        return
    loaded = await transaction.fetch(_LOAD, *zip(*keys, strict=True))
    rows = {row["token_id"]: ApiTokenRow(**row) for row in loaded}
    fold(rows, of_tokens)
    await transaction.execute(_SAVE, *zip(*map(astuple, rows.values()), strict=True))


API_TOKENS: Final = ReadModel("api_tokens", "user", 1, ("api_tokens",), project)


async def list_api_tokens(engine: Engine, user_id: UUID, now: datetime) -> dict[str, Any]:
    """List the tokens of a user that can be used, the latest first."""
    return {"items": [_view(row) for row in await _live(engine, user_id, now)], "next_cursor": None}


async def count_api_tokens(engine: Engine, user_id: UUID, now: datetime) -> int:
    """Count the tokens of a user that can be used."""
    return len(await _live(engine, user_id, now))


async def list_api_token_ids(engine: Engine, user_id: UUID, now: datetime) -> list[UUID]:
    """The tokens of a user that can be used."""
    return [row["token_id"] for row in await _live(engine, user_id, now)]


async def _live(engine: Engine, user_id: UUID, now: datetime) -> list[asyncpg.Record]:
    rows = await engine.fetch_fresh(_LIST, user_id, now)
    return [row for row in rows if row["token_id"] is not None]


def _view(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "id": row["token_id"],
        "name": row["name"],
        "scopes": row["scopes"].split(" "),
        "books": None if row["books"] is None else row["books"].split(","),
        "created_at": row["created_at"],
        "expires_at": row["expires_at"],
        "last_used_on": row["last_used_on"],
    }
