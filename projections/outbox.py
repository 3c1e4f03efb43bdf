"""Read model: the outbox, the messages that wait to be sent; and the loop that has them sent.

A message is posted by an event, together with what it tells of, so no crash loses it; it is sent at least once. One
process of all sends at a time: the one whose connection holds the lock.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from uuid import UUID

import structlog

from auth.errors import Undelivered
from auth.message import Message
from eventstore.codec import RecordedEvent
from eventstore.database import Transaction, translated
from eventstore.errors import StoreUnavailable
from eventstore.listener import Feed, listening
from eventstore.sql import statement
from projections.engine import Engine, ReadModel

CHANNEL: Final = "outbox"
SWEEP_SECONDS: Final = 5.0
TAKE_SECONDS: Final = 1.0
"""How often a process asks whether it is its turn."""
RETRY_SECONDS: Final = 0.5
PURGE_SECONDS: Final = 60.0
PAGE: Final = 16
"""Sent at the same time."""
REST_SECONDS_MIN: Final = 1.0
REST_SECONDS_MAX: Final = 300.0
"""After each failure twice as long. What was sent rests as well, until the read model knows of it."""

_ADD = statement(__package__, "add_waiting")
_DELETE = statement(__package__, "delete_waiting")
_LIST = statement(__package__, "list_waiting")
_DELETE_LAPSED = statement(__package__, "delete_lapsed")
_TAKE = statement(__package__, "take_outbox")

_log = structlog.get_logger("outbox")

Deliver = Callable[[UUID, UUID], Awaitable[None]]
"""Sends a user's message and records that. Raises: Undelivered, StoreUnavailable."""


async def project(transaction: Transaction, events: Sequence[RecordedEvent]) -> None:
    posted = [
        (recorded.journal_id, recorded.stream_id, recorded.recorded_at, recorded.event.expires_at)
        for recorded in events
        if isinstance(recorded.event, Message.Posted)
    ]
    over = [
        (recorded.journal_id, recorded.stream_id)
        for recorded in events
        if isinstance(recorded.event, Message.Sent | Message.Refused | Message.Used)
    ]
    if posted:
        await transaction.fetch(_ADD, *zip(*posted, strict=True))
    if over:
        await transaction.execute(_DELETE, *zip(*over, strict=True))


OUTBOX: Final = ReadModel("outbox", "user", 1, ("outbox",), project, counted="expires_at > now()")


class Outbox:
    """Has messages sent, and again and again, ever more rarely, those that could not be."""

    def __init__(self, engine: Engine, deliver: Deliver) -> None:
        self._engine = engine
        self._deliver = deliver
        self._failures: dict[UUID, int] = {}
        self._resting_until: dict[UUID, float] = {}  # of the monotonic clock

    async def run(self, dsn: str) -> None:
        """Send until cancelled; a lost database is waited for."""
        while True:
            try:
                async with listening(dsn, CHANNEL) as feed:
                    await self._take(feed)
                    await self._follow(feed)
            except StoreUnavailable:
                _log.warning("database lost", retry_seconds=RETRY_SECONDS)
                await asyncio.sleep(RETRY_SECONDS)

    async def _take(self, feed: Feed) -> None:
        """Wait until no other process sends."""
        while True:
            with translated():
                taken = await feed.connection.fetchval(_TAKE)
            if taken:
                return
            await feed.next(TAKE_SECONDS)

    async def _follow(self, feed: Feed) -> None:
        """Raises: StoreUnavailable once the feed ends."""
        purge_at = 0.0
        while True:
            now = time.monotonic()
            if now >= purge_at:
                await self._purge(feed)
                purge_at = now + PURGE_SECONDS
            resting = {message_id: until for message_id, until in self._resting_until.items() if until > now}
            with translated():
                page = await feed.connection.fetch(_LIST, list(resting), PAGE)
            if page:
                await asyncio.gather(*(self._send(row["journal_id"], row["message_id"]) for row in page))
                await self._engine.catch_up({row["journal_id"] for row in page})  # projectors may be far behind
            else:
                await feed.next(min([SWEEP_SECONDS, *(until - now for until in resting.values())]))

    async def _send(self, user_id: UUID, message_id: UUID) -> None:
        try:
            await self._deliver(user_id, message_id)
        except (Undelivered, StoreUnavailable) as error:
            self._put_off(message_id)
            # The kind alone: what servers say quotes the address.
            _log.warning("message not sent yet", message_id=str(message_id), error=type(error.__cause__).__name__)
        except Exception:
            self._put_off(message_id)
            _log.exception("message cannot be sent", message_id=str(message_id))
        else:
            self._failures.pop(message_id, None)
            self._resting_until[message_id] = time.monotonic() + REST_SECONDS_MAX

    def _put_off(self, message_id: UUID) -> None:
        failures = self._failures[message_id] = self._failures.get(message_id, 0) + 1
        rest_seconds = min(REST_SECONDS_MIN * 2 ** min(failures - 1, 16), REST_SECONDS_MAX)
        self._resting_until[message_id] = time.monotonic() + rest_seconds

    async def _purge(self, feed: Feed) -> None:
        """Forget what lapsed, here and in the database."""
        forgotten_before = time.monotonic() - PURGE_SECONDS
        for message_id in [each for each, until in self._resting_until.items() if until < forgotten_before]:
            del self._resting_until[message_id]
            self._failures.pop(message_id, None)
        with translated():
            await feed.connection.execute(_DELETE_LAPSED)
