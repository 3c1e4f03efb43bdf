"""Rebuilding a read model while it is read: fill a new generation, catch up, compare, swap.

What has been done is recorded as it is done, so a rebuild that was killed at any moment goes on when it is asked for
again. One at a time per read model: who runs it holds a lock that goes with the connection, however that ends.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson

from eventstore.database import translated
from eventstore.errors import StoreError, StoreUnavailable
from eventstore.keys import Keyring
from eventstore.listener import Feed, listening
from eventstore.sql import statement
from eventstore.tasks import end, side_by_side
from projections import generations
from projections.compare import LISTED_MAX, Comparer, Comparison
from projections.engine import Engine, ReadModel
from projections.generations import Generation, owning
from projections.projector import CHANNEL

RANGE_EVENTS: Final = 20_000
"""Folded in one transaction, which takes a second or so: what a kill costs, and how soon a pause is heard."""
POLL_SECONDS: Final = 0.2
SETTLED_EVENTS: Final = 500
"""Folded within the locks of a swap, in some 30 ms; where more has been appended, that is done first."""
SWAP_SECONDS_MAX: Final = 300
REST_SECONDS_MAX: Final = 2.0
INDEX_SETTINGS: Final = {"maintenance_work_mem": "128MB", "max_parallel_maintenance_workers": "0"}

REBUILD: Final = "rebuild"
"""Have the new rows read where they equal those that are read."""
REPLACE: Final = "replace"
"""Have the new rows read, also where they differ."""
VERIFY: Final = "verify"

DONE: Final = "done"
CANCELLED: Final = "cancelled"
OVER: Final = (DONE, CANCELLED)

_GET = statement(__package__, "get_rebuild")
_BEGIN = statement(__package__, "begin_rebuild")
_RESUME = statement(__package__, "resume_rebuild")
_MOVE = statement(__package__, "move_rebuild")
_WANT = statement(__package__, "want_rebuild")
_GET_WANTED = statement(__package__, "get_wanted")
_GET_PROGRESS = statement(__package__, "get_progress")
_COUNT_BEHIND = statement(__package__, "count_behind")
_LIST_POISONED = statement(__package__, "list_rebuild_poisoned")
_LIST_MENDED = statement(__package__, "list_mended")
_CUT = statement(__package__, "cut_ranges")
_IS_RUNNING = statement(__package__, "is_rebuild_running")


@dataclass(eq=False)
class RebuildRunning(StoreError):
    """This read model is being rebuilt or verified already; `gagyebu projections status` shows how far it is."""

    name: str


@dataclass(eq=False)
class RebuildCancelled(StoreError):
    """The rebuild was cancelled; what is read is as it was."""

    name: str


@dataclass(eq=False)
class RebuildFailed(StoreError):
    """A process that fills the new generation failed; its log says why. The same command goes on where it stopped."""

    name: str


@dataclass(eq=False)
class SwapRefused(StoreError):
    """Whoever reads these tables did not let go of them for minutes; the same command goes on where it stopped."""

    name: str


@dataclass(eq=False)
class NewVersionStops(StoreError):
    """Events that the old version took stop the new one, so the old one is read on; docs/rebuilding.md says more."""

    name: str


@dataclass(eq=False)
class NothingToCompare(StoreError):
    """What is read is of another version of the code, so a fresh fold would differ; `gagyebu migrate` replaces it."""

    name: str


@dataclass(frozen=True)
class Progress:
    """How far a rebuild has come; events are counted while it is filled, journals while it is compared."""

    name: str
    state: str
    done: int
    total: int


Report = dict[str, Any]
Note = Callable[[Progress], None]
Spawn = Callable[[str], Awaitable[asyncio.subprocess.Process]]
"""Starts a process that fills the rebuild of the read model of this name."""


@dataclass(frozen=True)
class Rebuilding:
    """What rebuilds are made with."""

    dsn: str
    """Of the owner of the schema."""
    engine: Engine
    keyring: Keyring
    jobs: int
    spawn: Spawn
    note: Note
    filling: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One is filled at a time."""


Prove = Callable[[Rebuilding, ReadModel], Awaitable[Report]]
"""`rebuild` or `verify`."""


async def each(prove: Prove, tools: Rebuilding, models: Sequence[ReadModel]) -> list[Report]:
    """Prove several read models: while one is indexed and compared the next is filled, where there are jobs for that.

    Once one fails, those that are not done are left to be resumed. Returns: the reports. Raises: as `prove`.
    """
    room = asyncio.Semaphore(min(tools.jobs, 2))

    async def begin(model: ReadModel) -> Report:
        async with room:
            return await prove(tools, model)

    proofs = [asyncio.create_task(begin(model)) for model in models]
    try:
        return await asyncio.gather(*proofs)
    finally:
        await asyncio.gather(*map(end, proofs), return_exceptions=True)


async def rebuild(
    tools: Rebuilding, model: ReadModel, *, swap_if_different: bool = False, wait: bool = False
) -> Report:
    """Build a read model anew from its events and have that read, if it is equal or of another version of the code.

    It goes around events that it cannot take; where the live one took one, it is not equal, nor fit to be read unasked.
    `wait` for one that is running. Returns: the report.
    Raises: RebuildRunning, RebuildCancelled, RebuildFailed, SwapRefused, StoreUnavailable.
    """
    async with _rebuilding(tools, model, REPLACE if swap_if_different else REBUILD, wait=wait) as run:
        found = await run.prove() if run.same_version else await run.prove_reach()
        if found.differences and not swap_if_different:
            return await run.give_up(found)
        return await run.swap(found)


async def verify(tools: Rebuilding, model: ReadModel) -> Report:
    """Compare a read model with a fresh fold of its events, which is dropped after it. Returns: the report.

    Raises: RebuildRunning, RebuildCancelled, RebuildFailed, NothingToCompare, StoreUnavailable.
    """
    async with _rebuilding(tools, model, VERIFY, wait=False) as run:
        return await run.give_up(await run.prove())


async def resume(tools: Rebuilding, model: ReadModel) -> Report:
    """Go on with what was left, to the end for which it was begun. Raises: as rebuild."""
    with translated():
        async with owning(tools.dsn) as connection:
            row = await connection.fetchrow(_GET, model.name)
    if row and row["purpose"] == VERIFY:
        return await verify(tools, model)
    return await rebuild(tools, model, swap_if_different=bool(row and row["purpose"] == REPLACE))


async def want(connection: asyncpg.Connection, model: ReadModel, wanted: str) -> bool:
    """Ask for a rebuild under way to pause, to go on or to end. Returns: whether there is one."""
    return await connection.fetchval(_WANT, model.name, wanted) is not None


async def is_running(connection: asyncpg.Connection, model: ReadModel) -> bool:
    """Tell whether a command works at the read model's rebuild."""
    running: bool = await connection.fetchval(_IS_RUNNING, _LOCK_ID, model.name)
    return running


async def discard(connection: asyncpg.Connection, model: ReadModel) -> bool:
    """Drop a rebuild that nobody works at. Returns: whether there was one. Raises: RebuildRunning."""
    if not await _take(connection, model, wait=False):
        raise RebuildRunning(model.name)
    row = await connection.fetchrow(_GET, model.name)
    if row is None or row["state"] in (None, *OVER):
        return False
    async with connection.transaction():
        await generations.drop(connection, Generation(model, row["generation"]))
        await connection.execute(_MOVE, model.name, CANCELLED, None)
    return True


async def drop_old(connection: asyncpg.Connection, model: ReadModel) -> list[int]:
    """Drop the generations that are no longer read. Returns: their numbers. Raises: RebuildRunning."""
    if not await _take(connection, model, wait=False):
        raise RebuildRunning(model.name)
    try:
        row = await connection.fetchrow(_GET, model.name)
        left = row["generation"] if row and row["state"] not in (None, *OVER) else None  # it may be resumed
        old = [each for each in await generations.list_kept(connection, model) if each.number != left]
        for generation in old:
            await generations.drop(connection, generation)
    finally:
        await _let_go(connection, model)
    return [generation.number for generation in old]


_LOCK_ID: Final = 0x6761_6779
"""The number only has to be ours; beside it, the hash of the read model's name."""


async def _take(connection: asyncpg.Connection, model: ReadModel, *, wait: bool) -> bool:
    if wait:
        await connection.execute("SELECT pg_advisory_lock($1, hashtext($2))", _LOCK_ID, model.name)
        return True
    taken: bool = await connection.fetchval("SELECT pg_try_advisory_lock($1, hashtext($2))", _LOCK_ID, model.name)
    return taken


async def _let_go(connection: asyncpg.Connection, model: ReadModel) -> None:
    await connection.execute("SELECT pg_advisory_unlock($1, hashtext($2))", _LOCK_ID, model.name)


@asynccontextmanager
async def _rebuilding(tools: Rebuilding, model: ReadModel, purpose: str, *, wait: bool) -> AsyncIterator["_Run"]:
    """Own a read model's rebuild, begun now or before, and fill it; who leaves by an error leaves it to be resumed."""
    with translated():
        async with AsyncExitStack() as stack:
            async with tools.filling:
                connection = await stack.enter_async_context(owning(tools.dsn, synchronous_commit="off"))
                if not await _take(connection, model, wait=wait):
                    raise RebuildRunning(model.name)
                run = await _open(connection, tools, model, purpose)
                await stack.enter_async_context(run.dropped_if_cancelled())
                await run.fill()
            await run.index()
            yield run
            await _let_go(connection, model)  # at once: with the connection it would go a little later


async def _open(connection: asyncpg.Connection, tools: Rebuilding, model: ReadModel, purpose: str) -> "_Run":
    """Resume what was left, unless it is of another version of the code; otherwise begin."""
    row = await connection.fetchrow(_GET, model.name)
    if row is None:
        raise StoreUnavailable
    live, begun = Generation(model, row["live_generation"]), Generation(model, row["generation"] or 0)
    same = row["live_version"] == model.version
    if purpose == VERIFY and not same:
        raise NothingToCompare(model.name)
    if begun.number and row["state"] not in OVER:
        if row["version"] == model.version and await generations.is_there(connection, begun):
            await connection.execute(_RESUME, model.name, begun.number, purpose)
            return await _Run.on(connection, tools, begun, live, row["indexes"], same)
        await generations.drop(connection, begun)
    generation = Generation(model, max(live.number, begun.number) + 1)
    async with connection.transaction():
        indexes = await generations.create(connection, generation)
        await connection.execute("SET LOCAL search_path = readmodels, eventstore")
        await connection.execute("DELETE FROM rebuild_ranges WHERE read_model = $1", model.name)
        await connection.execute("SET LOCAL enable_sort = on")
        await connection.execute("SET LOCAL enable_seqscan = on")
        await connection.execute(_CUT, model.name, model.kind, RANGE_EVENTS)
        await connection.execute(_BEGIN, model.name, generation.number, model.version, indexes, purpose)
    return await _Run.on(connection, tools, generation, live, indexes, same)


class _Run:
    """A rebuild under way, over the connection that owns it."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        tools: Rebuilding,
        generation: Generation,
        live: Generation,
        indexes: Sequence[str],
        same_version: bool,
    ) -> None:
        self._connection = connection
        self._tools = tools
        self._generation = generation
        self._live = live
        self._indexes = indexes
        self._begun_at = time.monotonic()
        self.same_version = same_version

    @classmethod
    async def on(cls, connection: asyncpg.Connection, *rest: Any) -> "_Run":
        run = cls(connection, *rest)
        await generations.work_on(connection, run._generation)
        return run

    @asynccontextmanager
    async def dropped_if_cancelled(self) -> AsyncIterator[None]:
        try:
            yield
        except RebuildCancelled:
            await self.drop(CANCELLED, None)
            raise

    async def fill(self) -> None:
        """Have processes fold all journals into the new tables. Raises: RebuildCancelled, RebuildFailed."""
        if not (await self._progress())["ranges_left"]:
            return
        processes = [await self._tools.spawn(self._name) for _ in range(self._tools.jobs)]
        try:
            while any(process.returncode is None for process in processes):
                await self._require_wanted()
                progress = await self._progress()
                self._note("filling", progress["events_done"], progress["events"])
                await asyncio.sleep(POLL_SECONDS)
                processes = [await self._kept(process) for process in processes]
            if (await self._progress())["ranges_left"]:
                raise RebuildFailed(self._name)
        finally:
            for process in processes:
                if process.returncode is None:
                    process.kill()
                    await process.wait()

    async def index(self) -> None:
        """Give the new tables their indexes, once what was appended meanwhile is in them."""
        await self._move("catching up")
        await self._catch_up()
        await self._move("indexing")
        indexes = iter(self._indexes)
        await side_by_side(self._make(indexes) for _ in range(min(self._tools.jobs, len(self._indexes))))
        for table in self._generation.model.tables:
            await self._connection.execute(f"ANALYZE {self._generation.schema}.{table}")

    async def _make(self, indexes: Iterator[str]) -> None:
        async with owning(self._tools.dsn, self._generation, **INDEX_SETTINGS) as connection:
            for index in indexes:
                await self._require_wanted(connection)
                await connection.execute(index)

    async def prove(self) -> Comparison:
        """Compare the new tables with those that are read."""
        await self._move("comparing")
        await self._catch_up()
        total = (await self._progress())["journals"]

        async def note_journals(done: int) -> None:
            self._note("comparing", min(done, total), total)
            await self._require_wanted()

        return await self._comparer().compare(note_journals)

    async def prove_reach(self) -> Comparison:
        """Find out where the new tables stop short of those that are read, whose rows are of another version."""
        await self._move("comparing")
        await self._catch_up()
        return await self._comparer().compare_stops()

    def _comparer(self) -> Comparer:
        return Comparer(self._connection, self._generation, self._live, self._tools.engine, self._tools.keyring)

    async def _catch_up(self) -> int:
        return await generations.catch_up(self._connection, self._generation, self._tools.keyring)

    async def swap(self, found: Comparison) -> Report:
        """Have the new tables read, once all who read the old ones let go of them. Raises: SwapRefused."""
        until, rest_seconds = time.monotonic() + SWAP_SECONDS_MAX, POLL_SECONDS
        await self._move("swapping")
        async with listening(self._tools.dsn, CHANNEL) as feed:
            news = _News(feed)
            await self._catch_up()
            while time.monotonic() < until:
                await self._require_wanted()
                await self._fold(await news.take())
                with suppress(asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError, _Behind):
                    return await generations.swap(
                        self._connection,
                        self._generation,
                        self._live,
                        lambda: self._fold_last(news),
                        lambda: self._end_swapped(found),
                    )
                await asyncio.sleep(rest_seconds)
                rest_seconds = min(2 * rest_seconds, REST_SECONDS_MAX)
        raise SwapRefused(self._name)

    async def give_up(self, found: Comparison) -> Report:
        """Leave what is read as it is. Returns: the report."""
        report = await self._report(found, swapped=False)
        await self.drop(DONE, report)
        return report

    async def drop(self, state: str, report: Report | None) -> None:
        """Drop the new tables and note the end, at once: tables that are gone must not be taken up again."""
        async with self._connection.transaction():
            await generations.drop(self._connection, self._generation)
            await self._end(state, report)

    @property
    def _name(self) -> str:
        return self._generation.model.name

    async def _kept(self, process: asyncio.subprocess.Process) -> asyncio.subprocess.Process:
        """One that was killed is started again; one that failed would fail again."""
        if process.returncode == -signal.SIGKILL:
            return await self._tools.spawn(self._name)
        return process

    async def _progress(self) -> asyncpg.Record:
        (row,) = await self._connection.fetch(_GET_PROGRESS, self._name)
        return row

    async def _require_wanted(self, connection: asyncpg.Connection | None = None) -> None:
        """Wait while a pause is wanted. Raises: RebuildCancelled."""
        while (wanted := await (connection or self._connection).fetchval(_GET_WANTED, self._name)) != "run":
            if wanted == "cancel":
                raise RebuildCancelled(self._name)
            self._note("paused", 0, 0)
            await asyncio.sleep(POLL_SECONDS)

    async def _fold(self, heard: "set[UUID] | None") -> None:
        if heard is None:
            await self._catch_up()
        else:
            await generations.catch_up_journals(self._connection, self._generation, self._tools.keyring, list(heard))

    async def _fold_last(self, news: "_News") -> None:
        """Fold what those who read may have seen already. Raises: _Behind where that is too much."""
        heard = await news.take_committed()
        news.put_back(heard)  # should the swap not come about, this has not been folded
        if heard is None:
            raise _Behind
        model, number = self._generation.model, self._generation.number
        events = await self._connection.fetchval(_COUNT_BEHIND, model.name, number, model.kind, list(heard))
        if events > SETTLED_EVENTS:
            raise _Behind
        await self._fold(heard)

    async def _move(self, state: str) -> None:
        await self._connection.execute(_MOVE, self._name, state, None)
        self._note(state, 0, 0)
        await self._require_wanted()

    async def _end(self, state: str, report: Report | None) -> None:
        text = orjson.dumps(report).decode() if report else None
        await self._connection.execute(_MOVE, self._name, state, text)
        self._note(state, 1, 1)

    def _note(self, state: str, done: int, total: int) -> None:
        self._tools.note(Progress(self._name, state, done, total))

    async def _end_swapped(self, found: Comparison) -> Report:
        report = await self._report(found, swapped=True)
        await self._end(DONE, report)
        return report

    async def _report(self, found: Comparison, *, swapped: bool) -> Report:
        compared = bool(self.same_version or found.differences)
        alike = "equal" if self.same_version else "new version"
        return {
            "read_model": self._name,
            "generation": self._generation.number,
            "version": self._generation.model.version,
            "outcome": "different" if found.differences else alike,
            "swapped": swapped,
            "journals": found.journals if compared else None,
            "differences": found.differences if compared else None,
            "listed": [asdict(each) for each in found.listed],
            "poisoned": await self._told(_LIST_POISONED),
            "mended": await self._told(_LIST_MENDED),
            "seconds": round(time.monotonic() - self._begun_at, 3),
        }

    async def _told(self, sql: str) -> dict[str, Any]:
        """Tell of events at which a generation stops: how many, and some of them."""
        rows = await self._connection.fetch(sql, self._name, self._generation.number, LISTED_MAX)
        listed = [{name: row[name] for name in ("journal_id", "position", "topic", "reason")} for row in rows]
        return {"count": rows[0]["count"] if rows else 0, "listed": listed}


class _Behind(Exception):
    """More was appended than can be folded within the locks of a swap."""


class _News:
    """The journals that were appended to since they were last asked for."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._kept: set[UUID] | None = set()

    async def take(self) -> set[UUID] | None:
        """Take what was heard; None: too many to be named."""
        payloads = await self._feed.next(0)
        kept, self._kept = self._kept, set()
        if kept is None or "" in payloads:
            return None
        return kept | {UUID(name) for payload in payloads for name in payload.split(",")}

    async def take_committed(self) -> set[UUID] | None:
        """As take, and sure to have all that was committed before: notifications come no later than an answer."""
        await self._feed.connection.execute("SELECT 1")
        return await self.take()

    def put_back(self, heard: set[UUID] | None) -> None:
        self._kept = heard
