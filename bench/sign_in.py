"""How the rest of the API fares while many sign in: GET /wallet on the same process, alone and under a flood."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import aiohttp

from bench.books import client, credentials, sign_up
from bench.errors import BenchError
from bench.generator import Generator, Job, generating
from bench.lifecycle import SERVE, service_env
from bench.system import database, serving

IN_FLIGHT = 200
USERS = 40  # few sign-ins of each are in flight, or the limit on one account would answer
READERS = 4
WARM_SECONDS = 1.0
PROXY = "127.0.0.0/8"


@dataclass(frozen=True)
class SignIns:
    """GET /wallet while nobody signs in, and while IN_FLIGHT always do; and what became of those."""

    idle_p50_ms: float
    idle_p99_ms: float
    p50_ms: float
    p99_ms: float
    accepted_per_s: float
    refused_per_s: float  # wrong passwords; beside these nothing is answered
    in_flight: int


async def measure_sign_ins(folder: Path, seconds: float, step: Callable[[str], None]) -> SignIns:
    """Read wallets at a service, then again while a flood of sign-ins, half of them wrong, is under way."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        env = await service_env((await enter(database(folder / "signin"))).dsn)
        # Each sign-in comes from an address of its own, or the throttle would answer in place of Argon2.
        env["GAGYEBU_TRUSTED_PROXIES"] = PROXY
        server = await enter(serving(SERVE, folder / "signin.log", env))
        here = await enter(client(server.url))
        tokens = [await sign_up(here, f"signer{number}") for number in range(USERS)]
        await here.open_book(tokens[0])
        generator = await enter(generating())
        job = Job(server.port, [("GET", "/wallet")], 200, READERS, seconds, tokens[0], WARM_SECONDS)
        step("wallets alone")
        await generator.warm(job)
        idle = await generator.go()
        step(f"wallets, {IN_FLIGHT} sign-ins in flight")
        busy, statuses, flood_s = await _under_flood(server.url, generator, job)
    if busy["requests"] < 1 or set(statuses) - {200, 401}:
        raise BenchError(f"sign-ins were answered {dict(statuses)}")
    return SignIns(
        idle["p50_ms"],
        idle["p99_ms"],
        busy["p50_ms"],
        busy["p99_ms"],
        statuses[200] / flood_s,
        statuses[401] / flood_s,
        IN_FLIGHT,
    )


async def _under_flood(url: str, generator: Generator, job: Job) -> tuple[dict[str, float], Counter[int], float]:
    """Returns: what the generator saw, the statuses of the sign-ins, and for how many seconds they came."""
    async with _flood(url) as statuses:
        await generator.warm(job)
        statuses.clear()
        began = time.perf_counter()
        busy = await generator.go()
        return busy, Counter(statuses), time.perf_counter() - began


@asynccontextmanager
async def _flood(url: str) -> AsyncIterator[Counter[int]]:
    """Keep IN_FLIGHT sign-ins under way; counts the statuses of their answers."""
    statuses: Counter[int] = Counter()
    numbers = count()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(url, connector=connector, timeout=aiohttp.ClientTimeout(None)) as session:

        async def sign_in_again_and_again() -> None:
            for number in numbers:
                body = credentials(f"signer{number // 2 % USERS}" if number % 2 else f"nobody{number}")
                address = {"X-Forwarded-For": f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::1"}
                async with session.post("/users/signin", json=body, headers=address) as answer:
                    await answer.read()
                    statuses[answer.status] += 1

        tasks = [asyncio.create_task(sign_in_again_and_again()) for _ in range(IN_FLIGHT)]
        try:
            yield statuses
        finally:
            for task in tasks:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks)
