"""A rebuild of entries and totals, beside the same by SQL alone, beside the library's runner, beside its users."""

import asyncio
import itertools
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import asyncpg
import psutil

from bench import history
from bench.books import client, sign_up
from bench.errors import BenchError
from bench.lifecycle import GAGYEBU, MASTER_KEY, SERVE, service_env
from bench.load import percentile
from bench.system import Server, caught_up, database, output, serving, watching

MODELS = ("entries", "totals")
JOBS = 2
WRITERS = 2  # and as many readers
ALONE_SECONDS = 8.0
RUNNER_EVENTS = 4_000
SAMPLE_SECONDS = 0.05
FIRST_FOLD_SECONDS_MAX = 1_800.0
AMOUNTS = range(1_000, 2_000, 10)
ENTRY = {"kind": "expense", "occurred_on": "2026-11-24", "memo": "점심", "tags": ["식비"]}
FOLD = Path(__file__).with_name("fold.sql").read_text("utf-8")
UNEQUAL = """SELECT
    (SELECT count(*) FROM (SELECT journal_id, entry_id, version, since, until, deleted, occurred_on, amount_minor, kind,
        category_id, created_by, created_at, changed_by, updated_at FROM entries
        EXCEPT SELECT journal_id, entry_id, version, since, until, deleted, occurred_on, amount_minor, kind,
        category_id, created_by, created_at, changed_by, updated_at FROM plain_entries) AS e)
  + (SELECT count(*) FROM (TABLE totals EXCEPT TABLE plain_totals) AS t)
  + abs((SELECT count(*) FROM entries) - (SELECT count(*) FROM plain_entries))"""


class Size(NamedTuple):
    """How many journals of how many events, and how long one more is."""

    journals: int
    events_each: int
    long_events: int

    @property
    def events(self) -> int:
        return self.journals * self.events_each + self.long_events


FULL, QUICK = Size(2_000, 500, 100_000), Size(40, 500, 5_000)


@dataclass(frozen=True)
class Latency:
    """What a closed loop of clients saw."""

    read_p99_ms: float
    write_p99_ms: float
    wrong: int  # totals that were not the sum of what had been acknowledged
    checks: int


@dataclass(frozen=True)
class Rebuild:
    """Rates in events per second, from the command's start to its end; memory is the largest of one process."""

    events: int
    first_fold_rate: float  # by the projector alone, when the events were new
    sql_rate: float
    runner_rate: float
    rate: float  # by JOBS processes, nobody beside
    beside_rate: float  # as the command does it by default
    peak_mb: float
    alone: Latency
    beside: Latency


async def measure(folder: Path, size: Size, step: Callable[[str], None]) -> Rebuild:
    """Fill a store, let the service project it, then rebuild it, alone and beside its users."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        found = await enter(database(folder / "rebuild"))
        env = await service_env(found.dsn)
        step(f"{size.events:,} events")
        await history.fill(found.dsn, MASTER_KEY, size.journals, size.events_each)
        await history.fill(found.dsn, MASTER_KEY, 1, size.long_events)
        connection = await enter(watching(found.dsn))
        server = await enter(serving(SERVE, folder / "rebuild.log", env))
        step("the first fold")
        first_fold_s = await _seconds_of(caught_up(connection, FIRST_FOLD_SECONDS_MAX))
        step("the same by SQL alone")
        sql_s = await _fold_by_sql(connection)
        step("the library's runner")
        runner_rate = await _rate_of_runner(found.dsn)
        step("rebuild, nobody beside")
        rebuild_s, peak_mb = await _rebuild(env, "--jobs", str(JOBS))
        step("users, no rebuild beside")
        users = await _open_users(stack, server)
        async with users.at_work():
            await asyncio.sleep(ALONE_SECONDS)
        alone = users.latency
        step("rebuild, users beside")
        async with users.at_work():
            beside_s, _ = await _rebuild(env)
        beside = users.latency
    first_fold_rate, sql_rate = size.events / first_fold_s, size.events / sql_s
    rate, beside_rate = size.events / rebuild_s, size.events / beside_s
    return Rebuild(size.events, first_fold_rate, sql_rate, runner_rate, rate, beside_rate, peak_mb, alone, beside)


async def _seconds_of(work: Awaitable[object]) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


async def _fold_by_sql(connection: asyncpg.Connection) -> float:
    """Returns: seconds. Raises: BenchError where its rows are others than the service's."""
    await connection.execute("ANALYZE")
    seconds = await _seconds_of(connection.execute(f"BEGIN; {FOLD}; COMMIT"))
    if unequal := await connection.fetchval(UNEQUAL):
        raise BenchError(f"SQL alone comes to {unequal} other rows")
    return seconds


async def _rate_of_runner(dsn: str) -> float:
    return float(await output(sys.executable, "-m", "bench.runner", dsn, str(RUNNER_EVENTS)))


async def _rebuild(env: Mapping[str, str], *options: str) -> tuple[float, float]:
    """Run the command to its end. Returns: seconds, and MB of its largest process."""
    began, peak = time.perf_counter(), 0
    command = (GAGYEBU, "projections", "rebuild", *MODELS, *options, "--json")
    running = asyncio.create_task(output(*command, env=env))
    while not running.done():
        peak = max(peak, *(_memory(process) for process in psutil.Process().children(recursive=True)))
        await asyncio.wait([running], timeout=SAMPLE_SECONDS)
    await running
    return time.perf_counter() - began, peak / 1e6


def _memory(process: psutil.Process) -> int:
    """Resident bytes of a process of the command, 0 for any other."""
    try:
        return int(process.memory_info().rss) if "projections" in process.cmdline() else 0
    except psutil.Error:
        return 0


class Users:
    """Clients in a closed loop: some read a book, each of the others writes one and checks its totals all the time."""

    def __init__(self, url: str, token: str, paths: Sequence[str]) -> None:
        self._url, self._headers, self._paths = url, {"Authorization": f"Bearer {token}"}, paths
        self._reads_ns: list[int] = []
        self._writes_ns: list[int] = []
        self._spent = [0] * len(paths)
        self._wrong = 0

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Work for as long as the context lasts; what went wrong is raised at its end."""
        self._reads_ns.clear()
        self._writes_ns.clear()
        over = asyncio.Event()
        async with aiohttp.ClientSession(self._url, headers=self._headers) as session, asyncio.TaskGroup() as tasks:
            for number, path in enumerate(self._paths):
                tasks.create_task(self._write(session, number, over))
                tasks.create_task(self._read(session, path, over))
            try:
                yield
            finally:
                over.set()

    @property
    def latency(self) -> Latency:
        reads, writes = (percentile(sorted(found), 0.99) / 1e6 for found in (self._reads_ns, self._writes_ns))
        return Latency(reads, writes, self._wrong, len(self._writes_ns))

    async def _write(self, session: aiohttp.ClientSession, number: int, over: asyncio.Event) -> None:
        path = self._paths[number]
        for body in itertools.cycle(AMOUNTS):
            if over.is_set():
                return
            began_ns = time.perf_counter_ns()
            await _answer(session.post(f"{path}/entries", json={**ENTRY, "amount": str(body)}), 201)
            self._writes_ns.append(time.perf_counter_ns() - began_ns)
            self._spent[number] += body
            totals = await _answer(session.get(f"{path}/totals"), 200)
            self._wrong += totals["expense"] != str(self._spent[number])

    async def _read(self, session: aiohttp.ClientSession, path: str, over: asyncio.Event) -> None:
        while not over.is_set():
            began_ns = time.perf_counter_ns()
            await _answer(session.get(f"{path}/entries?limit=20"), 200)
            self._reads_ns.append(time.perf_counter_ns() - began_ns)


async def _answer(request: "aiohttp.client._RequestContextManager", expected: int) -> Any:
    """Raises: BenchError where the status is another than expected."""
    async with request as answer:
        if answer.status != expected:
            raise BenchError(f"{answer.method} {answer.url.path}: {answer.status} {(await answer.text())[:500]}")
        return await answer.json()


async def _open_users(stack: AsyncExitStack, server: Server) -> Users:
    asker = await stack.enter_async_context(client(server.url))
    token = await sign_up(asker, "user")
    return Users(server.url, token, [await asker.open_book(token) for _ in range(WRITERS)])
