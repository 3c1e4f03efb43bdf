"""Waiting for what must come, instead of for time to pass."""

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any

POLL_SECONDS = 0.01


async def until(condition: Callable[[], Any], seconds_max: float = 20) -> Any:
    """Ask until the answer is true. Returns: that answer. Raises: TimeoutError."""
    deadline = time.monotonic() + seconds_max
    while True:
        answer = condition()
        answer = await answer if inspect.isawaitable(answer) else answer
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"{inspect.getsource(condition).strip()}: not within {seconds_max} s")
        await asyncio.sleep(POLL_SECONDS)
