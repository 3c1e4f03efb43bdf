"""What the service must reach, and whether it does."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp
import asyncpg

from bench import append, measure
from bench.append import AppendRuns
from bench.books import BARE, CRUD, SERVICE, SMALL, Operation
from bench.catching_up import CatchingUp
from bench.contenders import INSERT, INSERT_WITH_RESET, PGBENCH, RECORDER, STORE, STORE_ONE_JOURNAL
from bench.errors import BenchError
from bench.imports import Imports
from bench.lifecycle import SignOut, Start
from bench.measure import Case, Run, Runs
from bench.reads import CLIENTS, Kind, ReadRuns
from bench.rebuilding import Rebuild
from bench.sign_in import SignIns

TARGET_CONNECTIONS = 64
READS: tuple[Operation, ...] = ("list", "detail", "totals", "wallet")
READ_LIMITS_MS: dict[Kind, float] = {"list": 50, "search": 50, "other": 50, "known_at": 300}
GROWTH_MAX = 1.1


@dataclass
class Results:
    """Whatever was measured; None or empty where it was left out or failed."""

    runs: Runs = field(default_factory=dict)
    reads: ReadRuns = field(default_factory=dict)
    appends: AppendRuns = field(default_factory=dict)
    imports: Imports | None = None
    start: Start | None = None
    sign_out: SignOut | None = None
    sign_ins: SignIns | None = None
    rebuild: Rebuild | None = None
    catching_up: CatchingUp | None = None
    failures: list[str] = field(default_factory=list)

    @contextmanager
    def failing(self, part: str) -> Iterator[None]:
        """Note the failure of a part, so that the others keep their figures."""
        try:
            yield
        except (BenchError, OSError, aiohttp.ClientError, asyncpg.PostgresError) as error:
            notes = getattr(error, "__notes__", [])
            self.failures.append("\n".join([f"{part}: {type(error).__name__}: {error}", *notes]))


@dataclass(frozen=True)
class Verdict:
    """A target beside what was measured."""

    what: str
    target: str
    measured: str
    met: bool


def verdicts(results: Results) -> list[Verdict]:
    """Judge everything that was measured."""
    return [
        *_judge_create(results.runs),
        *_judge_reads(results.runs),
        *_judge_growth(results.runs),
        *_judge_kinds_of_reads(results.reads),
        *_judge_appends(results.appends),
        *_judge_imports(results.imports),
        *_judge_sign_out(results.sign_out),
        *_judge_sign_ins(results.sign_ins),
        *_judge_start(results.start),
        *_judge_rebuild(results.rebuild),
        *_judge_catching_up(results.catching_up),
    ]


def at_most(what: str, limit: float, measured: float, unit: str = "", note: str = "") -> Verdict:
    """Judge a figure that must not be larger."""
    return Verdict(what, f"≤ {limit:.3g}{unit}", f"{measured:.3g}{unit}{note}", measured <= limit)


def at_least(what: str, limit: float, measured: float) -> Verdict:
    """Judge a figure that must not be smaller."""
    return Verdict(what, f"≥ {limit:.3g}", f"{measured:.3g}", measured >= limit)


def cpu(run: Run) -> float:
    """Total CPU per request."""
    return run.cpu_us


def rate(run: Run) -> float:
    """Throughput."""
    return run.rate


def p99(run: Run) -> float:
    """Slowest but one in a hundred."""
    return run.p99_ms


def _ratio(runs: Runs, ours: Case, theirs: Case, figure: Callable[[Run], float]) -> float | None:
    if ours not in runs or theirs not in runs:
        return None
    return measure.ratio_of(runs[ours], runs[theirs], figure)


def _judge_create(runs: Runs) -> Iterator[Verdict]:
    ours = Case("create", TARGET_CONNECTIONS, SMALL, SERVICE)
    bare, crud = ours._replace(system=BARE), ours._replace(system=CRUD)
    what = f"create at {TARGET_CONNECTIONS} connections"
    if (found := _ratio(runs, ours, bare, cpu)) is not None:
        yield at_most(f"{what}: CPU ÷ {BARE}", 0.75, found)
    if (found := _ratio(runs, ours, bare, rate)) is not None:
        yield at_least(f"{what}: throughput ÷ {BARE}", 1.3, found)
    if (found := _ratio(runs, ours, bare, p99)) is not None:
        yield at_most(f"{what}: p99 ÷ {BARE}", 0.5, found)
    if (found := _ratio(runs, ours, crud, cpu)) is not None:
        yield at_most(f"{what}: CPU ÷ {CRUD}", 1 / 6, found)


def _judge_reads(runs: Runs) -> Iterator[Verdict]:
    """Judge each read where it does worst."""
    for operation in READS:
        found = _worst(runs, operation, lambda case: case._replace(system=CRUD))
        if found:
            yield at_most(f"{operation}: CPU ÷ {CRUD}", 1 / 3, found[0], note=f" (worst, {found[1]})")


def _judge_growth(runs: Runs) -> Iterator[Verdict]:
    """Judge how much more an operation costs in a large book, where it does worst."""
    for operation in ("create", *READS):
        found = _worst(runs, operation, lambda case: case._replace(size=SMALL))
        if found:
            yield at_most(
                f"{operation}: CPU in a large book ÷ in a small one",
                GROWTH_MAX,
                found[0],
                note=f" (worst, {found[1]})",
            )


def _worst(runs: Runs, operation: str, other: Callable[[Case], Case]) -> tuple[float, str] | None:
    """Find the case of the service with the highest CPU, compared to another case; and name it."""
    ratios = [
        (ratio, f"{case.connections} conn., {case.size:,} entries")
        for case in runs
        if case.system == SERVICE and case.operation == operation and other(case) != case
        if (ratio := _ratio(runs, case, other(case), cpu)) is not None
    ]
    return max(ratios, default=None)


def _judge_kinds_of_reads(runs: ReadRuns) -> Iterator[Verdict]:
    """Judge each kind of read in the largest book, where it does worst; searches and the past may cost more there."""
    large, small = (choose((case.size for case in runs), default=0) for choose in (max, min))
    for kind, limit_ms in READ_LIMITS_MS.items():
        cases = [case for case in runs if case.read.kind == kind and case.size == large]
        p99s = [(measure.median_of(runs[case], p99), case.read.name) for case in cases]
        yield from _judge_worst(f"{kind}: p99 at {large:,} entries, {CLIENTS[kind]} clients", limit_ms, p99s, " ms")
        if kind in {"list", "other"}:
            ratios = [
                (measure.ratio_of(runs[case], runs[case._replace(size=small)], cpu), case.read.name) for case in cases
            ]
            yield from _judge_worst(f"{kind}: CPU at {large:,} entries ÷ at {small:,}", GROWTH_MAX, ratios)


def _judge_worst(what: str, limit: float, found: list[tuple[float, str]], unit: str = "") -> Iterator[Verdict]:
    if found:
        worst, name = max(found)
        over = sum(figure > limit for figure, _ in found)
        yield at_most(what, limit, worst, unit, note=f" (worst, {name}; {over} of {len(found)} over)")


def _judge_appends(runs: AppendRuns) -> Iterator[Verdict]:
    if not any(case.name == STORE for case in runs):
        return
    for ours in (STORE, STORE_ONE_JOURNAL):
        ratio = append.ratio_of(runs, (ours, 64), (RECORDER, 64))
        yield at_least(f"{ours}, 64 writers: rate ÷ {RECORDER}", 20, ratio)
        ratio = append.ratio_of(runs, (ours, 64), (PGBENCH, 64))
        yield at_least(f"{ours}, 64 writers: rate ÷ {PGBENCH}", 2, ratio)
    for theirs in (INSERT_WITH_RESET, INSERT):
        ratio = append.ratio_of(runs, (STORE, 1), (theirs, 1))
        yield at_least(f"{STORE}, 1 writer: rate ÷ {theirs}", 1, ratio)


def _judge_imports(found: Imports | None) -> Sequence[Verdict]:
    if found is None:
        return ()
    entries = found.runs[0].entries
    what = f"import of {entries:,} entries"
    return (
        at_least(f"{what}: rate ÷ bare COPY", 0.2, found.median(lambda run: run.rate / run.copy_rate)),
        at_most(f"{what}: memory of the service grows", 50, max(run.growth_mb for run in found.runs), " MB"),
        at_most(f"{what}: p99 of another book's reader ÷ alone", 2, found.slowed_by_import),
        at_most(f"{what}: the same until all is projected", 2, found.slowed_by_projection),
    )


def _judge_sign_out(found: SignOut | None) -> Sequence[Verdict]:
    if found is None:
        return ()
    here = Verdict("sign-out, same worker", "at once", "at once" if found.at_once else "later", found.at_once)
    return here, at_most("sign-out, other worker: p99", 50, found.p99_ms, " ms", f" (p50 {found.p50_ms:.2g})")


def _judge_sign_ins(found: SignIns | None) -> Sequence[Verdict]:
    if found is None:
        return ()
    note = f" (p50 {found.p50_ms:.3g}; alone {found.idle_p50_ms:.2g} / {found.idle_p99_ms:.2g})"
    return (at_most(f"wallet, {found.in_flight} sign-ins in flight: p99", 100, found.p99_ms, " ms", note),)


def _judge_start(found: Start | None) -> Sequence[Verdict]:
    if found is None:
        return ()
    return (
        at_most("start with PostgreSQL, cold", 5, found.cold_s, " s"),
        at_most("start with PostgreSQL, warm", 1, found.warm_s, " s"),
        at_most("idle service, resident memory", 120, found.idle_mb, " MB"),
    )


def _judge_rebuild(found: Rebuild | None) -> Sequence[Verdict]:
    if found is None:
        return ()
    what = f"rebuild of {found.events:,} events"
    reads = found.beside.read_p99_ms / found.alone.read_p99_ms
    writes = found.beside.write_p99_ms / found.alone.write_p99_ms
    return (
        at_least(f"{what}: rate ÷ SQL alone", 1, found.rate / found.sql_rate),
        at_least(f"{what}: rate ÷ eventsourcing's ProjectionRunner", 50, found.rate / found.runner_rate),
        at_most(f"{what}: memory of its largest process", 200, found.peak_mb, " MB"),
        at_most(f"{what}: readers' p99 ÷ alone", 2, reads),
        at_most(f"{what}: writers' p99 ÷ alone", 2, writes),
        at_most(f"{what}: wrong totals meanwhile", 0, found.beside.wrong, f" of {found.beside.checks:,}"),
    )


def _judge_catching_up(found: CatchingUp | None) -> Sequence[Verdict]:
    if found is None:
        return ()
    what = f"a burst of {found.burst_events:,} events"
    return (
        at_most(f"{what}: projected after", 2, found.burst_s, " s"),
        at_most(f"{what} in one journal: projected after", 2, found.burst_in_one_s, " s"),
        at_most(f"lag at {found.steady_rate:,.0f} creates a second: p99", 50, found.lag_p99_ms, " ms"),
    )
