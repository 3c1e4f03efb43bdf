"""Measure the service against its limits: `python -m bench --help`."""

import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import click
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from bench import append, catching_up, imports, lifecycle, measure, reads, rebuilding, report, sign_in
from bench.books import OPERATIONS, SMALL
from bench.generator import generating
from bench.measure import Plan, Runs
from bench.subjects import open_subjects
from bench.verdicts import Results

PARTS = (*OPERATIONS, "reads", "append", "import", "start", "signout", "signin", "rebuild", "catch-up")
FULL = Plan(OPERATIONS, (1, 32, 64), (SMALL, 100_000), rounds=3, seconds=1.5)
QUICK = Plan(OPERATIONS, (1, 64), (SMALL, 5_000), rounds=1, seconds=0.5)
IMPORTED = 50_000
READS_SECONDS = 1.0

Found = TypeVar("Found")
Step = Callable[[str], None]


@click.command()
@click.option("--quick", is_flag=True, help="One short round and a smaller large book, to see that all works.")
@click.option("--only", metavar="PARTS", default=",".join(PARTS), help=f"A list of {', '.join(PARTS)}.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Keep every run here.")
@click.option(
    "--folder", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Put the databases under here."
)
def main(quick: bool, only: str, json_path: Path | None, folder: Path | None) -> None:
    """Measure the service beside a bare INSERT, a FastAPI service and other ways to append.

    Prints medians of short runs by turns, then every target with what was measured. The exit status is 0 whether
    targets are met or missed, and 1 where something could not be measured.
    """
    parts = _chosen(only)
    plan = QUICK if quick else FULL
    plan = plan._replace(operations=[name for name in OPERATIONS if name in parts])
    results = Results()
    home = Path(tempfile.mkdtemp(prefix="gagyebu-bench-", dir=folder))
    home.chmod(0o755)  # PostgreSQL may run as another user, who has to get in
    try:
        with _progress() as step:
            asyncio.run(_measure(results, plan, parts, home, step))
    except asyncio.CancelledError:
        raise click.Abort from None
    finally:
        shutil.rmtree(home)
    report.print_report(results)
    if json_path:
        report.write_json(results, json_path)
    sys.exit(1 if results.failures else 0)


def _chosen(only: str) -> list[str]:
    parts = only.split(",")
    if unknown := set(parts) - set(PARTS):
        raise click.BadParameter(f"{', '.join(sorted(unknown))}: not of {', '.join(PARTS)}", param_hint="--only")
    return parts


@contextmanager
def _progress() -> Iterator[Step]:
    """Show on stderr what is being measured."""
    bar = Progress(
        TextColumn("{task.completed} runs"),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("preparing", total=None)
        yield lambda text: bar.update(task, description=text, advance=1)


async def _measure(results: Results, plan: Plan, parts: list[str], home: Path, step: Step) -> None:
    """Measure the chosen parts one after another; a part that fails leaves the others their figures."""
    _stop_on_sigterm()
    quick = plan.rounds == 1
    if plan.operations:
        with results.failing("requests"):
            results.runs = await _measure_requests(plan, home, step)
    if "reads" in parts:
        with results.failing("reads"):
            sizes, seconds = (reads.QUICK, 0.2) if quick else (reads.FULL, READS_SECONDS)
            results.reads = await reads.measure(home, sizes, plan.rounds, seconds, step)
    if "append" in parts:
        with results.failing("append"):
            results.appends = await append.measure(home, plan.rounds, plan.seconds, step)
    if "import" in parts:
        with results.failing("import"):
            results.imports = await imports.measure(home, plan.rounds, 5_000 if quick else IMPORTED, step)
    if "start" in parts:
        with results.failing("start"):
            results.start = await lifecycle.measure_start(home, plan.rounds, step)
    if "signout" in parts:
        with results.failing("signout"):
            results.sign_out = await lifecycle.measure_sign_out(home, 20 if quick else 200, step)
    if "signin" in parts:
        with results.failing("signin"):
            results.sign_ins = await sign_in.measure_sign_ins(home, 3 if quick else 10, step)
    if "rebuild" in parts:
        with results.failing("rebuild"):
            size = rebuilding.QUICK if quick else rebuilding.FULL
            results.rebuild = await rebuilding.measure(home, size, step)
    if "catch-up" in parts:
        with results.failing("catch-up"):
            events = 5_000 if quick else catching_up.BURST_EVENTS
            results.catching_up = await catching_up.measure(home, events, step)


def _stop_on_sigterm() -> None:
    """Let SIGTERM unwind the servers and their databases, as Ctrl-C does."""
    if task := asyncio.current_task():
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


async def _measure_requests(plan: Plan, home: Path, step: Step) -> Runs:
    async with AsyncExitStack() as stack:
        generator = await stack.enter_async_context(generating())
        subjects = await open_subjects(stack, home, generator)
        for subject in subjects:
            step(f"{subject.system.name}: filling books of {', '.join(f'{size:,}' for size in plan.sizes)} entries")
            await subject.prepare(list(plan.sizes))
            await subject.system.tidy()
        return await measure.measure(plan, subjects, generator, step)


if __name__ == "__main__":
    main()
