"""A system under test: a server process and the PostgreSQL that only it uses."""

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from bench.cpu import tree_cpu_s
from bench.errors import BenchError
from eventstore.embedded import embedded_postgres

READY = re.compile(r"ready on http://127\.0\.0\.1:(\d+)")
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
POLL_SECONDS = 0.01
CATCH_UP_SECONDS_MAX = 30.0


@dataclass(frozen=True)
class Cpu:
    """Seconds of CPU time; what runs Python, and PostgreSQL with all its backends."""

    python_s: float
    postgres_s: float


@dataclass(frozen=True)
class Server:
    """A process that answers HTTP on the loopback address."""

    port: int
    process: asyncio.subprocess.Process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Database:
    """An embedded PostgreSQL."""

    dsn: str
    postmaster_pid: int


@dataclass(frozen=True)
class System:
    """A server, its database, and how to wait until nothing of past requests is left to do."""

    name: str
    server: Server
    database: Database
    settled: Callable[[], Awaitable[None]]

    def cpu(self) -> Cpu:
        """CPU time spent until now."""
        return Cpu(tree_cpu_s(self.server.process.pid), tree_cpu_s(self.database.postmaster_pid))

    async def tidy(self) -> None:
        """Do now what the database would otherwise do in the middle of a run."""
        await self.settled()
        connection = await asyncpg.connect(self.database.dsn)
        await connection.execute("VACUUM (ANALYZE)")
        await connection.execute("CHECKPOINT")
        await connection.close()


async def at_once() -> None:
    """Settle a system that leaves nothing to do after its answer."""


async def caught_up(watching: asyncpg.Connection, seconds_max: float = CATCH_UP_SECONDS_MAX) -> None:
    """Wait until the projector has nothing left to do."""
    until = time.monotonic() + seconds_max
    while time.monotonic() < until:
        if not await watching.fetchval("SELECT EXISTS (SELECT FROM heads WHERE stale)"):
            return
        await asyncio.sleep(POLL_SECONDS)
    raise BenchError(f"the projector still lags after {seconds_max:.0f} s")


@asynccontextmanager
async def serving(argv: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> AsyncIterator[Server]:
    """Run a server that prints its `ready on http://…`; it is stopped by SIGTERM.

    Raises: BenchError, with the end of what the server wrote, if it does not come up.
    """
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env={**os.environ, **(env or {})},
            start_new_session=True,  # Ctrl-C is for us; we stop the servers, in order
        )
    assert process.stdout
    drain = None
    try:
        port = await asyncio.wait_for(_ready_port(process.stdout), START_SECONDS_MAX)
        if port is None:
            raise BenchError(f"{argv[0]} did not start")
        # A server that logs to a pipe nobody reads stands still when it is full.
        drain = asyncio.create_task(_drain(process.stdout))
        yield Server(port, process)
    except BenchError as error:
        error.add_note(f"{log.name} ends with:\n{_end_of(log)}")
        raise
    finally:
        await _stop(process)
        if drain:
            await drain


async def _ready_port(lines: asyncio.StreamReader) -> int | None:
    async for line in lines:
        if found := READY.search(line.decode()):
            return int(found[1])
    return None


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.read(65536):
        pass


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS_MAX)
    except TimeoutError:
        process.kill()
        await process.wait()


@asynccontextmanager
async def database(folder: Path) -> AsyncIterator[Database]:
    """Run a PostgreSQL with the settings that the service's own has."""
    async with embedded_postgres(folder) as dsn:
        postmaster_pid = int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])
        yield Database(str(dsn), postmaster_pid)


@asynccontextmanager
async def watching(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """Look at what the service has in its database, as the owner of its tables."""
    connection = await asyncpg.connect(dsn, server_settings={"search_path": "readmodels, eventstore"})
    try:
        yield connection
    finally:
        await connection.close()


async def output(*argv: str, stdin: str = "", env: Mapping[str, str] | None = None) -> str:
    """Run a command to its end. Returns: what it printed. Raises: BenchError where it fails."""
    pipe = asyncio.subprocess.PIPE
    environment = {**os.environ, **(env or {})}
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
    )
    try:
        printed, errors = await process.communicate(stdin.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise BenchError(f"{argv[0]} failed:\n{errors.decode()[-2000:]}")
    return printed.decode()
