"""Poison: an event that a read model cannot take stops that read model, in that journal, and nothing else.

It stays before the event until code comes that takes it; nothing is skipped, so nothing it shows is ever wrong.
"""

from collections.abc import Awaitable, Callable, Sequence
from traceback import walk_tb
from typing import Final, NamedTuple

import asyncpg
from eventsourcing.utils import get_topic

from eventstore.codec import RecordedEvent
from eventstore.database import Database, Transaction, translated
from eventstore.errors import Explained, StoreUnavailable
from eventstore.keys import Keyring
from eventstore.sql import statement
from eventstore.store import decode_row

_COUNT = statement(__package__, "count_poisoned")

OWN_PACKAGES: Final = frozenset({"auth", "eventstore", "ledger", "projections"})

# These say nothing of an event: the database is away, others were in the way, or the tables are of another version.
_NOT_OF_AN_EVENT: Final = (
    StoreUnavailable,
    asyncpg.TransactionRollbackError,
    asyncpg.SyntaxOrAccessError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.InvalidCachedStatementError,
)

Project = Callable[[Transaction, Sequence[RecordedEvent]], Awaitable[None]]


class ProjectionStopped(Explained):
    """Something recorded here cannot be shown until the service is repaired; nothing of it is lost."""

    retry_after_seconds: Final = 60


class Poison(NamedTuple):
    """An event that cannot be taken, and why."""

    position: int
    topic: str
    reason: str


async def count_poisoned(database: Database) -> int:
    """Count the places where read models stopped, a place being a journal and a read model."""
    ((count,),) = await database.fetch(_COUNT)
    return int(count)


def may_be_poison(error: Exception) -> bool:
    """Tell whether an error may be due to an event, and not to the state of the database."""
    return not isinstance(error, _NOT_OF_AN_EVENT)


async def fold_until_poison(
    transaction: Transaction, project: Project, events: Sequence[RecordedEvent]
) -> Poison | None:
    """Have a read model take the events of one journal up to the first that it cannot take.

    Returns: that one; None where it took all.
    """
    if not events:
        return None
    try:
        with translated():
            async with transaction.transaction():
                await project(transaction, events)
        return None
    except Exception as error:
        if not may_be_poison(error):
            raise
        if len(events) == 1:
            return Poison(events[0].position, get_topic(type(events[0].event)), _reason(error))
    half = len(events) // 2
    return await fold_until_poison(transaction, project, events[:half]) or await fold_until_poison(
        transaction, project, events[half:]
    )


def decode_until_poison(rows: Sequence[asyncpg.Record], keyring: Keyring) -> tuple[list[RecordedEvent], Poison | None]:
    """Decode the events of one journal up to the first that cannot be decoded. Returns: them, and that one."""
    events: list[RecordedEvent] = []
    for row in rows:
        try:
            events.append(decode_row(row, keyring))
        except Exception as error:
            return events, Poison(row["position"], row["topic"], _reason(error))
    return events, None


def _reason(error: Exception) -> str:
    """Tell kind and place of an error; its message may quote what people wrote."""
    place = ""
    for frame, line in walk_tb(error.__traceback__):
        module = frame.f_globals.get("__name__", "")
        if not place or module.partition(".")[0] in OWN_PACKAGES:
            place = f"{module}:{line}:{frame.f_code.co_name}"
    return f"{type(error).__name__} at {place}"
