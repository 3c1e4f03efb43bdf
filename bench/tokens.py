"""What it costs to tell whom a token speaks for: `python -m bench.tokens`."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

from auth.middleware import authenticate
from auth.tokens import AccessTokens, TokenKey

SEEN_BEFORE_US_MAX: Final = 5.0
ROUNDS: Final = 7
CALLS: Final = 20_000
FIRST_CALLS: Final = 300


class _NobodyDenied:
    """The denylist as workers hold it: a dict in memory, and a feed that lives."""

    def __init__(self) -> None:
        self._expires_at: dict[UUID, float] = {uuid4(): 0.0 for _ in range(10_000)}

    def is_denied(self, _user_id: UUID, stream_id: UUID) -> bool:
        return time.monotonic() < 0 or stream_id in self._expires_at


async def measure() -> tuple[float, float]:
    """Returns: microseconds of CPU for a token seen before, and for one seen for the first time; the best rounds."""
    tokens = AccessTokens(
        [TokenKey(bytes(32))], "https://a.example", "https://a.example", uuid4, lambda: datetime.now(UTC)
    )
    denylist = _NobodyDenied()
    amr = ["pwd"]
    issued = [f"Bearer {tokens.issue(uuid4(), uuid4(), amr)}" for _ in range(FIRST_CALLS * ROUNDS)]

    async def show(header: str) -> None:
        await authenticate(header, tokens, denylist)

    first = [await _cpu_us(show, issued[start::ROUNDS]) for start in range(ROUNDS)]
    again = [await _cpu_us(show, issued[:100] * (CALLS // 100)) for _ in range(ROUNDS)]
    return min(again), min(first)


async def _cpu_us(show: Callable[[str], Awaitable[None]], headers: list[str]) -> float:
    began_at = time.process_time()
    for header in headers:
        await show(header)
    return (time.process_time() - began_at) / len(headers) * 1e6


def main() -> None:
    again, first = asyncio.run(measure())
    met = "met" if again < SEEN_BEFORE_US_MAX else "missed"
    print(f"seen before   {again:6.2f} µs of CPU (target: under {SEEN_BEFORE_US_MAX:.0f}, {met})")
    print(f"seen first    {first:6.2f} µs of CPU")


if __name__ == "__main__":
    main()
