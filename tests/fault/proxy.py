"""A wire between the service and PostgreSQL that counts what passes, and can be cut, held or closed."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

SOCKET = ".s.PGSQL.5432"
CHUNK_BYTES = 65_536


class Connection:
    """One connection of the service: what it asked, in messages of the wire protocol (type, content)."""

    def __init__(self, writers: tuple[asyncio.StreamWriter, asyncio.StreamWriter]) -> None:
        self.messages: list[tuple[bytes, bytes]] = []
        self._writers = writers
        self._unread = b""
        self._started = False

    @property
    def is_feed(self) -> bool:
        """A connection of its own that listens, beside the pool."""
        return any(b"LISTEN" in content for _, content in self.messages)

    @property
    def round_trips(self) -> int:
        """How often an answer was asked for: by Sync, or by a simple Query."""
        return sum(kind in {b"S", b"Q"} for kind, _ in self.messages)

    def take(self, content: bytes) -> None:
        """Cut a stream into messages; the first one, the start-up, has no type."""
        self._unread += content
        while True:
            head = 1 if self._started else 0
            if len(self._unread) < head + 4:
                return
            end = head + int.from_bytes(self._unread[head : head + 4])
            if len(self._unread) < end:
                return
            self.messages.append((self._unread[:head], self._unread[head + 4 : end]))
            self._unread, self._started = self._unread[end:], True

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


class Proxy:
    """Reached by `dsn`; what is asked of it holds for the connections there are and for those to come."""

    def __init__(self, upstream: str, folder: Path) -> None:
        parts = urlsplit(upstream)
        self._upstream = unquote(parts.query.removeprefix("host=")) + "/" + SOCKET
        self.dsn = urlunsplit(parts._replace(query=f"host={quote(str(folder), safe='')}"))
        self.connections: list[Connection] = []
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.closed = False

    @property
    def round_trips(self) -> int:
        """Of the pool's connections."""
        return sum(connection.round_trips for connection in self.connections if not connection.is_feed)

    @property
    def statements(self) -> bytes:
        """Everything that the pool's connections sent."""
        pool = [connection for connection in self.connections if not connection.is_feed]
        return b"".join(content for connection in pool for _, content in connection.messages)

    def cut(self, *, feeds_only: bool = False) -> None:
        """Break connections."""
        for connection in list(self.connections):
            if connection.is_feed or not feeds_only:
                connection.cut()
                self.connections.remove(connection)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                if not self.closed:
                    await self._pass_on(reader, writer)
        finally:
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(self._upstream)
        connection = Connection((writer, to_server))
        self.connections.append(connection)
        pumps = [
            asyncio.create_task(self._pump(reader, to_server, connection)),
            asyncio.create_task(self._pump(from_server, writer, None)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            to_server.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: Connection | None
    ) -> None:
        while content := await reader.read(CHUNK_BYTES):
            await self.flowing.wait()
            if connection is not None:
                connection.take(content)
            writer.write(content)
            await writer.drain()


@asynccontextmanager
async def proxied(dsn: str) -> AsyncIterator[Proxy]:
    """Stand between a client and the server of a DSN for as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix="proxy-") as folder:  # a test's own path would be too long for a socket
        proxy = Proxy(dsn, Path(folder))
        tasks: set[asyncio.Task[None]] = set()

        def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(proxy.serve(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_unix_server(serve, Path(folder) / SOCKET)
        try:
            yield proxy
        finally:
            server.close()
            for task in list(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
