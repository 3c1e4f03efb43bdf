"""Read model: the token denylist, the sessions and API tokens that ended while workers may still take them.

Every worker holds a copy in memory, fed by NOTIFY and a sweep over the same connection. The sweep is also the
heartbeat: without one for FEED_SECONDS_MAX the copy counts as lost and the database is asked for every request.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from auth.api_token import ApiToken
from auth.session import Session
from auth.tokens import LIFETIME as ACCESS_TOKEN_LIFETIME
from eventstore.codec import RecordedEvent
from eventstore.database import Transaction, translated
from eventstore.errors import StoreUnavailable
from eventstore.listener import Feed, listening
from eventstore.sql import statement
from projections.engine import Engine, ReadModel

CHANNEL: Final = "denylist"
SWEEP_SECONDS: Final = 0.3
FEED_SECONDS_MAX: Final = 1.0
RETRY_SECONDS: Final = 0.2
MARGIN: Final = timedelta(minutes=1)
"""For clocks that disagree, and for commits that became visible late."""
PURGE_SECONDS: Final = 60.0

_SAVE = statement(__package__, "save_denials")
_LIST = statement(__package__, "list_denials")
_LIST_OF_USER = statement(__package__, "list_denials_of_user")
_DELETE_EXPIRED = statement(__package__, "delete_expired_denials")

Sweep = Callable[[asyncpg.Connection], Awaitable[None]]
"""What else is to be looked for at every sweep, over its connection. Raises: StoreUnavailable."""

_log = structlog.get_logger("denylist")


async def project(transaction: Transaction, events: Sequence[RecordedEvent]) -> None:
    rows = [
        (event.journal_id, event.stream_id, event.recorded_at + ACCESS_TOKEN_LIFETIME + MARGIN)
        for event in events
        if isinstance(event.event, Session.Ended | ApiToken.Revoked)
    ]
    if rows:
        await transaction.fetch(_SAVE, *zip(*rows, strict=True))


DENYLIST: Final = ReadModel("denylist", "user", 2, ("denylist",), project, counted="expires_at > now()")


class Denylist:
    """A worker's copy; times are seconds since the epoch."""

    def __init__(self, engine: Engine, sweep_also: Sweep | None = None) -> None:
        self._engine = engine
        self._sweep_also = sweep_also
        self._expires_at: dict[UUID, float] = {}
        self._trusted_until = 0.0  # of the monotonic clock

    def is_denied(self, user_id: UUID, stream_id: UUID) -> bool | Awaitable[bool]:
        """Tell whether a session or API token has ended: from memory while the feed lives, else from the database."""
        if time.monotonic() < self._trusted_until:
            return stream_id in self._expires_at
        return self._ask(user_id, stream_id)

    async def catch_up(self, user_id: UUID) -> None:
        """Learn of all of a user's that ended until now."""
        rows = await self._engine.fetch_fresh(_LIST_OF_USER, user_id)
        self._learn(row for row in rows if row["stream_id"] is not None)

    async def run(self, dsn: str) -> None:
        """Keep the copy fed until cancelled."""
        while True:
            try:
                async with listening(dsn, CHANNEL) as feed:
                    await self._follow(feed)
            except StoreUnavailable:
                self._trusted_until = 0.0
                _log.warning("feed lost, the database is asked for every request", retry_seconds=RETRY_SECONDS)
                await asyncio.sleep(RETRY_SECONDS)

    async def _ask(self, user_id: UUID, stream_id: UUID) -> bool:
        await self.catch_up(user_id)
        return stream_id in self._expires_at

    async def _follow(self, feed: Feed) -> None:
        """Raises: StoreUnavailable once the feed ends, or answers too late."""
        purge_at = 0.0
        newest = 0.0  # a lost feed may have missed anything: begin with all there is
        while True:
            if self._sweep_also is not None:
                await self._sweep_also(feed.connection)
            asked_at = time.monotonic()
            with translated():
                rows = await feed.connection.fetch(_LIST, newest - MARGIN.total_seconds(), timeout=FEED_SECONDS_MAX)
            newest = max((row["expires_at"] for row in rows), default=newest)
            self._learn(rows)
            self._trusted_until = asked_at + FEED_SECONDS_MAX
            if asked_at >= purge_at:
                await self._purge(feed.connection)
                purge_at = asked_at + PURGE_SECONDS
            await self._hear(feed)

    async def _hear(self, feed: Feed) -> None:
        """Take notifications until the next sweep is due."""
        until = time.monotonic() + SWEEP_SECONDS
        while (left := until - time.monotonic()) > 0:
            for payload in await feed.next(left):
                stream_id, expires_at = payload.split(" ")
                self._expires_at[UUID(stream_id)] = float(expires_at)

    def _learn(self, rows: Iterable[asyncpg.Record]) -> None:
        self._expires_at.update((row["stream_id"], row["expires_at"]) for row in rows)

    async def _purge(self, connection: asyncpg.Connection) -> None:
        now = time.time()
        self._expires_at = {stream: expiry for stream, expiry in self._expires_at.items() if expiry > now}
        with translated():
            await connection.execute(_DELETE_EXPIRED, now, timeout=FEED_SECONDS_MAX)
