"""Filling a generation: processes that claim ranges of journals and fold them from their first event on.

A range is one transaction, with its claim, its rows and its checkpoints: whoever dies in it leaves nothing behind, and
another one claims it.
"""

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, cast
from uuid import UUID

import asyncpg

from eventstore.codec import decode
from eventstore.collector import spare_collector
from eventstore.database import Transaction, translated
from eventstore.keys import Keyring
from eventstore.sql import statement
from eventstore.store import decode_rows
from projections.engine import ReadModel, erased_of
from projections.generations import Generation, hold, note_positions, owning
from projections.poison import may_be_poison

PORTION_EVENTS: Final = 4_000
"""Read, folded and written at a time; bounds memory, whatever the size of a journal."""
PORTION_BYTES: Final = 4 * 1024**2
"""Likewise, of stored state."""
FETCHED_EVENTS: Final = 500
PAUSE_SECONDS: Final = 0.2
NICENESS: Final = 15
"""A filling process takes the time that nobody else wants, and 1 part in 28 of what others want too."""
IDLE_MAX: Final = "10min"
"""So nice a process may keep its transaction waiting for long before it goes on."""

_CLAIM = statement(__package__, "claim_range")
_READ = statement(__package__, "read_range")
_FINISH = statement(__package__, "finish_range")
_GET = statement(__package__, "get_rebuild")
_GET_WANTED = statement(__package__, "get_wanted")
_COUNT_LEFT = statement(__package__, "count_ranges_left")


async def fill(dsn: str, keyring: Keyring, models: Sequence[ReadModel], name: str) -> None:
    """Fold ranges of a read model's rebuild until none is left, or it is cancelled. Raises: StoreUnavailable."""
    _give_way()
    spare_collector()
    model = next(model for model in models if model.name == name)
    async with owning(dsn) as connection:
        row = await connection.fetchrow(_GET, name)
    if row is None or row["generation"] is None:
        return
    generation = Generation(model, row["generation"])
    settings = {"synchronous_commit": "off", "idle_in_transaction_session_timeout": IDLE_MAX}
    async with owning(dsn, generation, **settings) as connection:
        while (wanted := await connection.fetchval(_GET_WANTED, name)) != "cancel":
            if wanted == "pause" or not await _fill_range(connection, generation, keyring):
                if not await connection.fetchval(_COUNT_LEFT, name):
                    return
                await asyncio.sleep(PAUSE_SECONDS)  # paused, or the last ranges are in other hands


def _give_way() -> None:
    """Be nice to others; where Linux shares time among sessions first (autogroups), have ours be nice too."""
    os.nice(NICENESS)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICENESS))


async def _fill_range(connection: asyncpg.Connection, generation: Generation, keyring: Keyring) -> bool:
    """Claim a range and fold it. Returns: whether there was one."""
    name = generation.model.name
    async with connection.transaction():
        claimed = await connection.fetchrow(_CLAIM, name)
        if claimed is None:
            return False
        await hold(connection, generation)
        await _fold_or_leave(connection, generation, keyring, claimed)
        await connection.execute(_FINISH, name, claimed["number"])
    return True


async def _fold_or_leave(
    connection: asyncpg.Connection, generation: Generation, keyring: Keyring, claimed: asyncpg.Record
) -> None:
    """Fold a range; one with an event that cannot be taken is left to those who catch up, and go around it."""
    try:
        with translated():
            async with connection.transaction():
                await _fold_range(connection, generation, keyring, claimed)
    except Exception as error:
        if not may_be_poison(error):
            raise


async def _fold_range(
    connection: asyncpg.Connection, generation: Generation, keyring: Keyring, claimed: asyncpg.Record
) -> None:
    cursor = await connection.cursor(_READ, claimed["first_id"], claimed["end_id"], generation.model.kind)
    reached: dict[UUID, int] = {}
    while rows := await _next_portion(cursor):
        events = decode_rows(rows, keyring) if generation.model.sealed else [decode(row, None) for row in rows]
        await generation.model.take(cast("Transaction", connection), events, erased_of(rows))
        reached |= {event.journal_id: event.position for event in events}
    await note_positions(connection, generation, reached)


async def _next_portion(cursor: asyncpg.cursor.Cursor) -> list[asyncpg.Record]:
    """Read as much as is folded at a time; nothing at the end."""
    rows: list[asyncpg.Record] = []
    size = 0
    while len(rows) < PORTION_EVENTS and size < PORTION_BYTES and (more := await cursor.fetch(FETCHED_EVENTS)):
        rows += more
        size += sum(len(row["state"]) for row in more)
    return rows
