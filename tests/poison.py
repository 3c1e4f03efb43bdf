"""An event that no fold can take: the amendment of an entry that was never recorded; and where read models stopped."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from eventstore.codec import Metadata, canonical, encode, metadata_fields
from eventstore.database import Database
from eventstore.keys import Keyring
from tests.told import a_posting, an_entry

MEMO = "the secret of the household"
LIST = "SELECT * FROM poisoned ORDER BY since, journal_id, read_model"


@dataclass(frozen=True)
class Poisoned:
    """Where a read model stopped; `attempts` since a process last started."""

    journal_id: UUID
    read_model: str
    position: int
    topic: str
    reason: str
    since: datetime
    attempts: int
    retried_at: datetime


async def list_poisoned(database: Database) -> list[Poisoned]:
    """List where read models stopped, the longest ago first."""
    return [Poisoned(**row) for row in await database.fetch(LIST)]


async def poison(owner: asyncpg.Connection, keyring: Keyring, metadata: Metadata, journal_id: UUID) -> int:
    """Append such an event, as only the owner of the database can. Returns: its position."""
    entry = an_entry(uuid7())
    entry.amend(a_posting(7), MEMO, [])
    row = await owner.fetchrow("SELECT wrapped_key FROM eventstore.journal_keys WHERE journal_id = $1", journal_id)
    key = keyring.open(journal_id, row["wrapped_key"])
    return await append(owner, *encode(entry.unrecorded_events()[1], journal_id, metadata, key))


async def append_unreadable(owner: asyncpg.Connection, metadata: Metadata, journal_id: UUID) -> int:
    """Append an event of a kind that this code does not know. Returns: its position."""
    return await append(owner, journal_id, uuid7(), 1, "entry.forged", canonical(metadata_fields(metadata)))


async def append(owner: asyncpg.Connection, journal_id: UUID, *event: Any) -> int:
    async with owner.transaction():
        position: int = await owner.fetchval(
            "UPDATE eventstore.journals SET position = position + 1 WHERE journal_id = $1 RETURNING position",
            journal_id,
        )
        await owner.execute(
            "INSERT INTO eventstore.events (journal_id, position, stream_id, version, topic, state, recorded_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, now())",
            journal_id,
            position,
            *event,
        )
        await owner.execute("SELECT pg_notify('journals', $1)", str(journal_id))
    return position
