"""How fast the service starts, what it weighs when idle, how soon a sign-out is known everywhere."""

import asyncio
import base64
import os
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

from bench.books import Client, client, sign_in, sign_up
from bench.errors import BenchError
from bench.load import percentile
from bench.system import Server, database, output, serving

GAGYEBU = str(Path(sys.executable).with_name("gagyebu"))
SERVE = (GAGYEBU, "serve", "--port", "0")
MASTER_KEY = base64.b64encode(os.urandom(32)).decode()
IDLE_SECONDS = 1.0
REFUSAL_SECONDS_MAX = 5.0


@dataclass(frozen=True)
class Start:
    """Medians over the rounds; memory is that of the service's own processes, without PostgreSQL."""

    cold_s: float
    warm_s: float
    idle_mb: float


@dataclass(frozen=True)
class SignOut:
    """From the answer to the sign-out until the other worker's first refusal was received."""

    p50_ms: float
    p99_ms: float
    at_once: bool  # the worker that served the sign-out refused the very next request, every time
    rounds: int


async def service_env(dsn: str) -> dict[str, str]:
    """Migrate a database. Returns: the settings of a service on it."""
    env = {"GAGYEBU_DATABASE_URL": dsn, "GAGYEBU_MASTER_KEY": MASTER_KEY}
    await output(GAGYEBU, "migrate", env=env)
    return env


async def measure_start(folder: Path, rounds: int, step: Callable[[str], None]) -> Start:
    """Start the service with its embedded PostgreSQL, on an empty folder and again on the same."""
    cold_s: list[float] = []
    warm_s: list[float] = []
    idle_mb: list[float] = []
    for number in range(rounds):
        step("start, cold and warm")
        argv = (*SERVE, "--data-dir", str(folder / f"start{number}"))
        for seconds in (cold_s, warm_s):
            began = time.perf_counter()
            async with serving(argv, folder / f"start{number}.log") as server:
                seconds.append(time.perf_counter() - began)
                await asyncio.sleep(IDLE_SECONDS)
                idle_mb.append(_resident_mb(server))
    return Start(median(cold_s), median(warm_s), median(idle_mb))


def _resident_mb(server: Server) -> float:
    root = psutil.Process(server.process.pid)
    family = [root, *root.children(recursive=True)]
    return float(sum(one.memory_info().rss for one in family if one.name() != "postgres")) / 1e6


async def measure_sign_out(folder: Path, rounds: int, step: Callable[[str], None]) -> SignOut:
    """Sign out at one service, ask another on the same database until it refuses."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        env = await service_env((await enter(database(folder / "signout"))).dsn)
        servers = [await enter(serving(SERVE, folder / f"signout{n}.log", env)) for n in (1, 2)]
        here, there = [await enter(client(server.url)) for server in servers]
        await sign_up(here, "leaver")
        step("sign-out, and its refusal by another worker")
        seen = [await _sign_out_once(here, there) for _ in range(rounds)]
    delays_ms = sorted(delay for delay, _ in seen)
    at_once = all(status == 401 for _, status in seen)
    return SignOut(median(delays_ms), percentile(delays_ms, 0.99), at_once, rounds)


async def _sign_out_once(here: Client, there: Client) -> tuple[float, int]:
    token = await sign_in(here, "leaver")
    await there.ask(200, "GET", "/users/me", token)  # it has verified and remembered the token
    await here.ask(204, "POST", "/users/signout", token)
    signed_out = time.perf_counter()
    status_here = await here.status("/users/me", token)
    while await there.status("/users/me", token) != 401:
        if time.perf_counter() - signed_out > REFUSAL_SECONDS_MAX:
            raise BenchError(f"the other worker still took a token {REFUSAL_SECONDS_MAX} s after its sign-out")
    return (time.perf_counter() - signed_out) * 1e3, status_here
