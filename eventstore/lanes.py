"""Work in several lanes: while one waits for the database, another goes on."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

Result = TypeVar("Result")


async def side_by_side(lanes: Iterable[Coroutine[Any, Any, Result]]) -> list[Result]:
    """Run lanes to their ends, all of them, also where one fails. Raises: what the first that failed raised."""
    results = []
    for outcome in await asyncio.gather(*lanes, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
        results.append(outcome)
    return results
