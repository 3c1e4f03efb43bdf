"""Work that a request asks for and its answer does not wait for, so that its time tells nothing of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog

from auth.errors import AuthError, TooManySignIns
from eventstore.processes import running

WAITING_MAX: Final = 1_000
STOP_SECONDS_MAX: Final = 5

_log = structlog.get_logger("later")

Work = Callable[[], Awaitable[None]]


class Later:
    """A queue of work, done one after the other."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Work] = asyncio.Queue(WAITING_MAX)

    def do(self, work: Work) -> None:
        """Raises: TooManySignIns."""
        try:
            self._queue.put_nowait(work)
        except asyncio.QueueFull:
            raise TooManySignIns from None

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Work for as long as the context lasts; what waits at its end is still done."""
        async with running(self._work()):
            try:
                yield
            finally:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(STOP_SECONDS_MAX):
                        await self._queue.join()

    async def _work(self) -> None:
        while True:
            work = await self._queue.get()
            try:
                await work()
            except AuthError as error:  # a refusal that nobody is to learn of
                _log.info("refused", reason=type(error).__name__)
            except Exception:
                _log.exception("work failed")
            finally:
                self._queue.task_done()
