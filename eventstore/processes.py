"""A process of ours: it runs to an end, hears when to stop, works in the background, and starts others."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import asyncpg
import click
import structlog
import uvloop

from eventstore.errors import Explained
from eventstore.tasks import end

CHILD_STOP_SECONDS_MAX: Final = 30.0

_log = structlog.get_logger("service")

Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a command to its end; what can be expected to fail ends with a sentence and exit code 1."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)
    except (Explained, OSError, asyncpg.PostgresError) as error:
        raise click.ClickException(str(error)) from None


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Work in the background for as long as the context lasts."""
    task = asyncio.create_task(work)
    task.add_done_callback(_tell_failure)
    try:
        yield
    finally:
        await end(task)


def _tell_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        _log.error("a background task ended", exc_info=error)


def stop_event() -> asyncio.Event:
    """Set by SIGTERM and SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def when_parent_ends(do: Callable[[], object]) -> None:
    """A child's input ends with its parent, also with one that was killed."""
    loop, stdin = asyncio.get_running_loop(), sys.stdin.fileno()

    def hear_end() -> None:
        loop.remove_reader(stdin)
        do()

    loop.add_reader(stdin, hear_end)


async def start_child(
    *words: str, environment: Mapping[str, str], stdout: int | None = None
) -> asyncio.subprocess.Process:
    """Start `gagyebu` with these words, in this environment beside our own."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service", *words),
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.PIPE,  # ends when we do, however that happens
        stdout=stdout,
        start_new_session=True,  # Ctrl-C is for us; we tell our children
    )


async def stop_child(process: asyncio.subprocess.Process, seconds_max: float = CHILD_STOP_SECONDS_MAX) -> None:
    """Ask a child to stop; one that does not in this time is killed, which loses nothing that was acknowledged."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(seconds_max):
            await process.wait()
    except TimeoutError:
        _log.error("a process does not stop and is killed", pid=process.pid)
        process.kill()
        await process.wait()
