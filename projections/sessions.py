"""Read model: the sessions of a user."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from auth.session import Session
from eventstore.codec import RecordedEvent
from eventstore.database import Transaction
from eventstore.sql import statement
from projections.engine import Engine, ReadModel

_LOAD = statement(__package__, "load_sessions")
_SAVE = statement(__package__, "save_sessions")
_LIST = statement(__package__, "list_sessions")


@dataclass
class SessionRow:
    """The columns of `sessions`, in their order."""

    journal_id: UUID
    session_id: UUID
    user_agent: str | None
    ip: str | None
    created_at: datetime
    last_seen_at: datetime
    ended: bool


def fold(rows: dict[UUID, SessionRow], events: Iterable[RecordedEvent]) -> None:
    """Apply events to rows, in place; rows of sessions started earlier must be there."""
    for recorded in events:
        at = recorded.recorded_at
        match recorded.event:
            case Session.Started() as event:
                rows[recorded.stream_id] = SessionRow(
                    recorded.journal_id, recorded.stream_id, event.user_agent, event.ip, at, at, ended=False
                )
            case Session.Refreshed() as event:
                row = rows[recorded.stream_id]
                row.last_seen_at = at
                row.user_agent, row.ip = event.user_agent or row.user_agent, event.ip or row.ip
            case Session.Ended():
                rows[recorded.stream_id].ended = True


async def project(transaction: Transaction, events: Sequence[RecordedEvent]) -> None:
    of_sessions = [event for event in events if isinstance(event.event, Session.Event)]
    keys = list({(event.journal_id, event.stream_id) for event in of_sessions})
    if not keys:
        return
    loaded = await transaction.fetch(_LOAD, *zip(*keys, strict=True))
    rows = {row["session_id"]: SessionRow(**row) for row in loaded}
    fold(rows, of_sessions)
    await transaction.execute(_SAVE, *zip(*map(astuple, rows.values()), strict=True))


SESSIONS: Final = ReadModel("sessions", "user", 1, ("sessions",), project)


async def list_sessions(engine: Engine, user_id: UUID, current: UUID) -> dict[str, Any]:
    """List the sessions of a user that have not ended, the latest first."""
    rows = await engine.fetch_fresh(_LIST, user_id)
    items = [
        {
            "id": row["session_id"],
            "current": row["session_id"] == current,
            "created_at": row["created_at"],
            "last_seen_at": row["last_seen_at"],
            "user_agent": row["user_agent"],
            "ip": row["ip"],
        }
        for row in rows
        if row["session_id"] is not None
    ]
    return {"items": items, "next_cursor": None}


async def list_session_ids(engine: Engine, user_id: UUID) -> list[UUID]:
    """The sessions of a user that have not ended."""
    rows = await engine.fetch_fresh(_LIST, user_id)
    return [row["session_id"] for row in rows if row["session_id"] is not None]
