"""The load generator's process, as the benchmark sees it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from bench.errors import BenchError

Request = tuple[str, str] | tuple[str, str, str]  # method, path and, where it has one, body


@dataclass(frozen=True)
class Job:
    """What to send, to whom, how long; the requests are sent in turn by whichever connection is free."""

    port: int
    requests: list[Request]
    expected: int  # the one status that is no failure
    connections: int
    seconds: float
    token: str = ""
    warm_seconds: float = 0.0
    count_max: int = 0  # 0: as many as time allows
    host: str = "127.0.0.1"


class Generator:
    """Sends one job at a time; between `warm` and `go` its connections are open and silent."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def warm(self, job: Job) -> None:
        """Open the job's connections and use them for its `warm_seconds`, uncounted."""
        await self._tell(orjson.dumps(asdict(job)))
        await self._answer()

    async def go(self) -> dict[str, float]:
        """Do the job; answers requests, seconds, p50_ms, p99_ms and the generator's own CPU per request."""
        await self._tell(b"go")
        return await self._answer()

    async def _tell(self, line: bytes) -> None:
        assert self._process.stdin
        self._process.stdin.write(line + b"\n")
        await self._process.stdin.drain()

    async def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        answer: dict[str, Any] = orjson.loads(await self._process.stdout.readline() or b'{"error": "gone"}')
        if "error" in answer:
            raise BenchError(f"the load generator: {answer['error']}")
        return answer


@asynccontextmanager
async def generating() -> AsyncIterator[Generator]:
    """Hold a load generator in a process of its own."""
    pipe = asyncio.subprocess.PIPE
    argv = [sys.executable, "-m", "bench.load"]
    process = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, start_new_session=True)
    try:
        yield Generator(process)
    finally:
        process.terminate()
        await process.wait()
