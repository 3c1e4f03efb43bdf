"""Group commit: appends that arrive while a batch is in flight travel together in the next one."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Generic, TypeVar

from eventstore.errors import StoreUnavailable

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

BATCH_SIZE_MAX = 512


class Batcher(Generic[Item, Outcome]):
    """Sends items one batch at a time; each caller gets the outcome of its own item.

    `choose` tells which of the items that wait may travel together, at least the first; the rest wait for the next
    batch. An outcome that is an exception is raised to its caller alone; a send that fails, to all of its batch.
    """

    def __init__(
        self,
        send: Callable[[Sequence[Item]], Awaitable[Sequence[Outcome | Exception]]],
        choose: Callable[[Iterable[Item]], Iterable[bool]],
    ) -> None:
        self._send = send
        self._choose = choose
        self._waiting: deque[tuple[Item, asyncio.Future[Outcome]]] = deque()
        self._sender: asyncio.Task[None] | None = None
        self._closed = False

    async def submit(self, item: Item) -> Outcome:
        """Send an item with the next batch. Raises: StoreUnavailable after close()."""
        if self._closed:
            raise StoreUnavailable
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_all())
        return await future

    async def close(self) -> None:
        """Let what was submitted finish, take nothing more."""
        self._closed = True
        if self._sender is not None:
            await self._sender

    async def _send_all(self) -> None:
        while self._waiting:
            await self._send_batch(self._next_batch())
        self._sender = None

    def _next_batch(self) -> list[tuple[Item, asyncio.Future[Outcome]]]:
        first = [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH_SIZE_MAX))]
        chosen = list(self._choose(item for item, _ in first))
        self._waiting.extendleft(reversed([waiting for waiting, fits in zip(first, chosen, strict=True) if not fits]))
        return [waiting for waiting, fits in zip(first, chosen, strict=True) if fits]

    async def _send_batch(self, batch: list[tuple[Item, asyncio.Future[Outcome]]]) -> None:
        try:
            answered = list(zip(batch, await self._send([item for item, _ in batch]), strict=True))
        except Exception as error:
            answered = [(waiting, error) for waiting in batch]
        for (_, future), outcome in answered:
            if future.done():  # its caller went away
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
