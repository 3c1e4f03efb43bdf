"""An import of a whole file, beside a bare COPY of the rows that it stores, and beside those who read meanwhile."""

import asyncio
import csv
import io
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from uuid import UUID

import aiohttp
import asyncpg
import psutil

from bench import schema
from bench.books import FIRST_DAY, Client, sign_up
from bench.errors import BenchError
from bench.household import COLUMNS
from bench.load import percentile
from bench.subjects import open_service
from bench.system import System

READ_SECONDS = 0.005
"""Between two requests of the reader: it is there to wait for others, not to load the machine."""
ALONE_SECONDS = 3.0
WARM_ENTRIES = 1_000
COPIES = 3
SAMPLE_SECONDS = 0.005
CATEGORIES = ("식비", "쇼핑", "생활용품", "주거", "통신", "교통", "의료", "교육", "문화", "경조사", "보험", "기타")
MEMOS = ("점심", "저녁", "커피", "장보기", "버스", "지하철", "병원", "약국", "월세", "관리비", "구독", "책", "선물")
TAGS = ("", "", "카드", "현금", "외식;가족", "카드;정기")

STORED = """SELECT journal_id, position, stream_id, version, topic, state, recorded_at
FROM eventstore.events WHERE journal_id = $1 ORDER BY position"""


@dataclass(frozen=True)
class Import:
    """Two imports of as many entries, one of them beside a reader.

    Memory is the service's own, of both with their projection.
    """

    entries: int
    seconds: float
    copy_seconds: float
    growth_mb: float
    beside_reader_seconds: float
    projected_seconds: float  # from the answer on

    @property
    def rate(self) -> float:
        return self.entries / self.seconds

    @property
    def copy_rate(self) -> float:
        return self.entries / self.copy_seconds


@dataclass(frozen=True)
class Imports:
    """Short runs by turns, and how a reader of another book fares: of one import he sees too little for a p99."""

    runs: list[Import]
    alone_p99_ms: float
    beside_p99_ms: float
    projecting_p99_ms: float

    def median(self, figure: Callable[[Import], float]) -> float:
        return median(figure(run) for run in self.runs)

    @property
    def slowed_by_import(self) -> float:
        return self.beside_p99_ms / self.alone_p99_ms

    @property
    def slowed_by_projection(self) -> float:
        return self.projecting_p99_ms / self.alone_p99_ms


@dataclass(frozen=True)
class Site:
    """The service, and someone who has books there."""

    system: System
    asker: Client
    token: str


async def measure(folder: Path, rounds: int, entries: int, step: Callable[[str], None]) -> Imports:
    """Import files of so many entries, a book and a file of its own for each round."""
    async with AsyncExitStack() as stack:
        site = await _open_site(stack, folder)
        path = (await site.asker.small_book(site.token)).path
        await _run(site, Readers(site, path), 0, WARM_ENTRIES)
        readers, runs = Readers(site, path), []
        for number in range(1, rounds + 1):
            step(f"import of {entries:,} entries")
            async with readers.alone.reading():
                await asyncio.sleep(ALONE_SECONDS)
            runs.append(await _run(site, readers, number, entries))
        return Imports(runs, readers.alone.p99_ms(), readers.beside.p99_ms(), readers.projecting.p99_ms())


async def _open_site(stack: AsyncExitStack, folder: Path) -> Site:
    system, asker = await open_service(stack, folder / "imports")
    return Site(system, asker, await sign_up(asker, "importer"))


def a_file(seed: int, entries: int) -> bytes:
    """Make up the file of a household, as a spreadsheet writes it."""
    chance = random.Random(seed)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for number in range(entries):
        kind = "income" if number % 20 == 0 else "expense"
        day = FIRST_DAY - timedelta(days=number // 30)
        memo = f"{chance.choice(MEMOS)} {seed}-{number}"
        amount = chance.randrange(10, 3_000) * 100
        writer.writerow((kind, amount, day, chance.choice(CATEGORIES), memo, chance.choice(TAGS)))
    return text.getvalue().encode()


class Reader:
    """Someone who looks into another book again and again, on a connection kept alive."""

    def __init__(self, site: Site, path: str) -> None:
        self._site, self._path = site, path
        self._latencies_ns: list[int] = []

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Read for as long as the context lasts."""
        task = asyncio.create_task(self._read())
        yield
        task.cancel()
        await asyncio.wait([task])

    def p99_ms(self) -> float:
        return percentile(sorted(self._latencies_ns), 0.99) / 1e6

    async def _read(self) -> None:
        headers = {"Authorization": f"Bearer {self._site.token}"}
        async with aiohttp.ClientSession(self._site.system.server.url, headers=headers) as session:
            while True:
                began_ns = time.perf_counter_ns()
                async with session.get(f"{self._path}/entries?limit=20") as answer:
                    await answer.read()
                self._latencies_ns.append(time.perf_counter_ns() - began_ns)
                await asyncio.sleep(READ_SECONDS)


class Readers:
    """One reader for each of what may be going on beside."""

    def __init__(self, site: Site, path: str) -> None:
        self.alone, self.beside, self.projecting = (Reader(site, path) for _ in range(3))


async def _run(site: Site, readers: Readers, number: int, entries: int) -> Import:
    """Import one file with nobody beside, and another beside the reader."""
    file, another = a_file(number, entries), a_file(-number, entries)
    memory = Memory(site.system.server.process.pid)
    async with memory.watching():
        path = await site.asker.open_book(site.token)
        seconds = await _import(site, path, file, entries)
        await site.system.settled()
        copy_seconds = await _copy(site.system.database.dsn, path.rpartition("/")[2])
        path = await site.asker.open_book(site.token)
        async with readers.beside.reading():
            answered_in = await _import(site, path, another, entries)
        async with readers.projecting.reading():
            began = time.perf_counter()
            await site.system.settled()
            projected_seconds = time.perf_counter() - began
    return Import(entries, seconds, copy_seconds, memory.growth_mb, answered_in, projected_seconds)


async def _import(site: Site, path: str, file: bytes, entries: int) -> float:
    """Returns: seconds until the answer."""
    began = time.perf_counter()
    answer = await site.asker.upload(path, site.token, file)
    seconds = time.perf_counter() - began
    if answer["created"] != entries:
        raise BenchError(f"of {entries} entries {answer['created']} were created")
    return seconds


class Memory:
    """How much a process grows."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._before = self._most = self._now()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._watch())
        yield
        task.cancel()
        self._most = max(self._most, self._now())

    @property
    def growth_mb(self) -> float:
        return (self._most - self._before) / 1e6

    def _now(self) -> int:
        return self._process.memory_info().rss

    async def _watch(self) -> None:
        while True:
            self._most = max(self._most, self._now())
            await asyncio.sleep(SAMPLE_SECONDS)


async def _copy(dsn: str, book_id: str) -> float:
    """Copy the rows of a book, ready as they are, into a plain table with the same two indexes.

    Returns: seconds, the median of a few, for one is over in no time.
    """
    connection = await asyncpg.connect(dsn)
    rows, seconds = io.BytesIO(), []
    await connection.copy_from_query(STORED, UUID(book_id), output=rows, format="binary")
    for _ in range(COPIES):
        await connection.execute(f"DROP TABLE IF EXISTS plain_events; {schema.TABLE}")
        rows.seek(0)
        began = time.perf_counter()
        await connection.copy_to_table("plain_events", source=rows, format="binary")
        seconds.append(time.perf_counter() - began)
    await connection.close()
    return median(seconds)
