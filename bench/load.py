"""The load generator: a closed loop of keep-alive connections, each with one request outstanding.

It shares two cores with what it measures, so it does the least that is still honest: a process of its own
(`python -m bench.load`), requests rendered beforehand, answers cut by Content-Length, every status checked.

Reads a job per line of JSON (see `bench.generator`), warms up, says so, waits for a line, measures, answers.
"""

import asyncio
import gc
import itertools
import re
import sys
import time
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, cast

import orjson
import uvloop

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
COUNT_MAX = 200_000
GRACE_SECONDS = 30  # for the answers that are outstanding when a phase ends


class Phase:
    """A run of requests over some connections, bounded in count and time."""

    def __init__(self, job: dict[str, Any], seconds: float, count_max: int) -> None:
        self.requests: Iterator[bytes] = itertools.cycle(_render(job))
        self.expected = str(job["expected"]).encode()
        self.count_max = count_max
        self.sent = self.done = 0
        self.latencies_ns = array("Q", bytes(8 * count_max))
        self.running = job["connections"]
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.started_ns = time.perf_counter_ns()
        self.deadline_ns = self.started_ns + int(seconds * 1e9)
        self.finished_ns = 0

    def leave(self, now_ns: int) -> None:
        """Take one connection out; the last one ends the phase."""
        self.running -= 1
        if not self.running and not self.ended.done():
            self.finished_ns = now_ns
            self.ended.set_result(None)

    def fail(self, reason: str) -> None:
        """End the phase: a figure that counts errors is worth nothing."""
        self.deadline_ns = 0
        if not self.ended.done():
            self.ended.set_exception(RuntimeError(reason))


class Connection(asyncio.Protocol):
    """One keep-alive connection that sends its next request when the answer to the last is complete."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.phase: Phase | None = None
        self.head = b""
        self.missing = 0
        self.sent_ns = 0

    def start(self, phase: Phase) -> None:
        """Take part in a phase until it is over."""
        self.phase = phase
        self._send(time.perf_counter_ns())

    def _send(self, now_ns: int) -> None:
        phase = self.phase
        assert phase
        if phase.sent >= phase.count_max or now_ns >= phase.deadline_ns:
            phase.leave(now_ns)
            return
        phase.sent += 1
        self.sent_ns = now_ns
        self.transport.write(next(phase.requests))

    def data_received(self, data: bytes) -> None:
        if self.missing:
            self.missing -= len(data)
        else:
            self._read_head(self.head + data)
        if self.missing <= 0 and not self.head:
            self._complete()

    def _read_head(self, data: bytes) -> None:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self.head = data
            return
        self.head = b""
        phase, length = self.phase, CONTENT_LENGTH.search(data, 0, end + 2)
        assert phase
        if data[9:12] != phase.expected or not length:
            phase.fail(data[:600].decode(errors="replace"))
            return
        self.missing = end + 4 + int(length[1]) - len(data)

    def _complete(self) -> None:
        phase, now_ns = self.phase, time.perf_counter_ns()
        assert phase
        phase.latencies_ns[phase.done] = now_ns - self.sent_ns
        phase.done += 1
        self._send(now_ns)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.phase:
            self.phase.fail(f"the server closed the connection: {exc}")


def _render(job: dict[str, Any]) -> list[bytes]:
    head = f"Host: {job['host']}:{job['port']}\r\nAccept: application/json\r\n"
    if job.get("token"):
        head += f"Authorization: Bearer {job['token']}\r\n"
    return [_render_one(head, *request) for request in job["requests"]]


def _render_one(head: str, method: str, path: str, body: str | None = None) -> bytes:
    if body is not None:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n"
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n{body or ''}".encode()


async def _run(connections: list[Connection], phase: Phase, seconds: float) -> dict[str, float]:
    cpu_s = time.process_time()
    for connection in connections:
        connection.start(phase)
    await asyncio.wait_for(phase.ended, seconds + GRACE_SECONDS)
    return {"generator_us": (time.process_time() - cpu_s) / max(phase.done, 1) * 1e6, **_summary(phase)}


def _summary(phase: Phase) -> dict[str, float]:
    latencies = sorted(phase.latencies_ns[: phase.done])
    return {
        "requests": phase.done,
        "seconds": (phase.finished_ns - phase.started_ns) / 1e9,
        "p50_ms": percentile(latencies, 0.50) / 1e6,
        "p99_ms": percentile(latencies, 0.99) / 1e6,
    }


def percentile(ordered: Sequence[float], part: float) -> float:
    """Nearest rank, of values in ascending order."""
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


async def _job(job: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    opened = [loop.create_connection(Connection, job["host"], job["port"]) for _ in range(job["connections"])]
    connections = [protocol for _, protocol in await asyncio.gather(*opened)]
    try:
        if job["warm_seconds"]:
            await _run(connections, Phase(job, job["warm_seconds"], COUNT_MAX), job["warm_seconds"])
        _say({"warm": True})
        await loop.run_in_executor(None, sys.stdin.readline)
        count_max = min(job.get("count_max") or COUNT_MAX, COUNT_MAX)
        _say(await _run(connections, Phase(job, job["seconds"], count_max), job["seconds"]))
    finally:
        for connection in connections:
            connection.phase = None
            connection.transport.abort()


def _say(answer: dict[str, Any]) -> None:
    print(orjson.dumps(answer).decode(), flush=True)


async def main() -> None:
    """Do jobs until stdin ends."""
    gc.disable()  # a pause here would be taken for one of the server's
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            await _job(orjson.loads(line))
        except (RuntimeError, OSError, TimeoutError) as error:
            _say({"error": f"{type(error).__name__}: {error}"})
        gc.collect()


if __name__ == "__main__":
    uvloop.run(main())
