"""Tasks: run side by side, so that one goes on while another waits, and ended for certain."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, Final, TypeVar

CANCEL_AGAIN_SECONDS: Final = 2.0

Result = TypeVar("Result")


async def side_by_side(lanes: Iterable[Coroutine[Any, Any, Result]]) -> list[Result]:
    """Run lanes to their ends, all of them, also where one fails. Raises: what the first that failed raised."""
    results = []
    for outcome in await asyncio.gather(*lanes, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
        results.append(outcome)
    return results


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait for its end, come what may. Raises: what it had failed with.

    It is cancelled again and again: before Python 3.12, `wait_for` loses a cancellation that comes together with what
    is waited for, and libraries use it; an error on the way out, as of a connection that broke, takes its place too.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_AGAIN_SECONDS)
    if not task.cancelled():
        task.result()
