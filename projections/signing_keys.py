"""What keeps a worker's signing keys up: a look at their stream with every sweep of the denylist."""

from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg

from auth.signing_keys import JOURNAL_ID
from eventstore.database import translated
from eventstore.sql import statement
from projections.denylist import FEED_SECONDS_MAX, Sweep

_GET_VERSION: Final = statement(__package__, "get_stream_version")


def key_sweep(note_version: Callable[[int], Awaitable[None]]) -> Sweep:
    """Tell how far the keys' stream goes, again and again."""

    async def sweep(connection: asyncpg.Connection) -> None:
        with translated():
            version = await connection.fetchval(_GET_VERSION, JOURNAL_ID, JOURNAL_ID, timeout=FEED_SECONDS_MAX)
        if version is not None:
            await note_version(version)

    return sweep
