"""LISTEN on a connection of its own, made again whenever it is lost."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from eventstore.database import connect, translated
from eventstore.errors import StoreUnavailable


class Feed:
    """Notifications of one channel, in the order of their commits, for as long as the connection lives."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self._payloads: asyncio.Queue[str | None] = asyncio.Queue()

    def take(self, _connection: Any, _pid: int, _channel: str, payload: Any) -> None:
        self._payloads.put_nowait(payload)

    def end(self, _connection: Any) -> None:
        self._payloads.put_nowait(None)

    async def next(self, timeout_seconds: float) -> list[str]:
        """Wait for notifications and take all there are; none when the time is up.

        Raises: StoreUnavailable once the connection is lost.
        """
        payloads: list[str | None] = []
        # Not wait_for: before Python 3.12 it swallows a cancellation that comes together with a notification,
        # and who runs this in a loop would never end.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                payloads.append(await self._payloads.get())
        while not self._payloads.empty():
            payloads.append(self._payloads.get_nowait())
        if None in payloads or self.connection.is_closed():
            raise StoreUnavailable
        return [payload for payload in payloads if payload is not None]


@asynccontextmanager
async def listening(dsn: str, channel: str) -> AsyncIterator[Feed]:
    """Hear a channel for as long as the context and the connection last. Raises: StoreUnavailable."""
    connection = await connect(dsn)
    try:
        feed = Feed(connection)
        connection.add_termination_listener(feed.end)
        with translated():
            await connection.add_listener(channel, feed.take)
            yield feed
    finally:
        connection.terminate()
