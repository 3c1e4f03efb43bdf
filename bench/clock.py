"""Taking the time of appends, whoever does them."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from bench.load import percentile

WARM_APPENDS = 20
Figures = dict[str, float]


class Clock:
    """Takes the time of appends until the run is over."""

    def __init__(self, seconds: float) -> None:
        self.latencies_ns: list[int] = []
        self.started_ns = time.perf_counter_ns()
        self.deadline_ns = self.started_ns + int(seconds * 1e9)

    def write_until_over(self, write: Callable[[], object]) -> None:
        """Call again and again, for a thread."""
        now_ns = time.perf_counter_ns()
        while now_ns < self.deadline_ns:
            began_ns = now_ns
            write()
            now_ns = time.perf_counter_ns()
            self.latencies_ns.append(now_ns - began_ns)

    async def await_until_over(self, write: Callable[[], Awaitable[object]]) -> None:
        """Await again and again, for a task."""
        now_ns = time.perf_counter_ns()
        while now_ns < self.deadline_ns:
            began_ns = now_ns
            await write()
            now_ns = time.perf_counter_ns()
            self.latencies_ns.append(now_ns - began_ns)

    def figures(self) -> Figures:
        """Summarise, when every writer has come to its end."""
        seconds = (time.perf_counter_ns() - self.started_ns) / 1e9
        ordered = sorted(self.latencies_ns)
        return {
            "rate": len(ordered) / seconds,
            "p50_ms": percentile(ordered, 0.50) / 1e6,
            "p99_ms": percentile(ordered, 0.99) / 1e6,
        }


async def run_tasks(write: Callable[[], Awaitable[object]], writers: int, seconds: float) -> Figures:
    """Warm up, then write in so many tasks until the time is over."""
    for _ in range(WARM_APPENDS):
        await write()
    clock = Clock(seconds)
    await asyncio.gather(*(clock.await_until_over(write) for _ in range(writers)))
    return clock.figures()
