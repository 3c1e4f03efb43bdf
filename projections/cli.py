"""The commands of the command line on read models: list them, rebuild them, prove them."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any, Final

import asyncpg
import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from auth.cli import AS_JSON
from eventstore.processes import run, when_parent_ends
from eventstore.settings import Settings
from eventstore.sql import statement
from projections import rebuild
from projections.administration import Administration
from projections.compare import Difference
from projections.engine import ReadModel
from projections.filling import fill
from projections.generations import owning
from projections.opening import open_administration
from projections.rebuild import Note, Progress, Prove, RebuildRunning

DIFFERENT: Final = 3
"""The exit code where a rebuilt read model differs from the live one."""
LOG_SECONDS: Final = 5.0

_LIST = statement(__package__, "list_read_models")
_LIST_REBUILDS = statement(__package__, "list_rebuilds")

_EXIT_CODES: Final = "Exit codes: 0 done (and equal), 1 failed, 2 usage, 3 the rebuilt rows differ from the live ones."

_JOBS = click.option("--jobs", type=click.IntRange(1, 64), help="Processes that fold [default: one per core but one].")
_NAMES = click.argument("names", metavar="NAME...", nargs=-1)
_NAME = click.argument("name")


def projections_group() -> click.Group:
    """Make `gagyebu projections`."""
    group = click.Group("projections", help=f"The read models: rebuilt while they are read. {_EXIT_CODES}")
    _add_lists(group)
    _add_rebuilds(group)
    _add_controls(group)
    _add_ends(group)
    return group


def _add_lists(group: click.Group) -> None:
    @group.command("list")
    @AS_JSON
    @click.pass_obj
    def list_models(settings: Settings, as_json: bool) -> None:
        """List the read models: version, generation, state, rows (estimated), size, and how far they are behind."""

        async def work() -> list[dict[str, Any]]:
            async with open_administration(settings) as admin, owning(admin.dsn) as connection:
                return await _list(connection, admin.read_models)

        _print(run(work()), as_json=as_json)

    @group.command("status")
    @AS_JSON
    @click.pass_obj
    def status(settings: Settings, as_json: bool) -> None:
        """Show the last rebuild of each read model, and how far it has come."""

        async def work() -> list[dict[str, Any]]:
            async with open_administration(settings) as admin, owning(admin.dsn) as connection:
                return [await _status(connection, admin, row) for row in await connection.fetch(_LIST_REBUILDS)]

        _print(run(work()), as_json=as_json)


async def _list(connection: asyncpg.Connection, models: Sequence[ReadModel]) -> list[dict[str, Any]]:
    names, tables = [model.name for model in models], [",".join(model.tables) for model in models]
    rows = await connection.fetch(_LIST, names, tables)
    return [
        {
            "name": row["name"],
            "version": row["version"],
            "generation": row["generation"],
            "state": _state(row),
            "rows": row["rows"],
            "bytes": row["bytes"],
            "journals_behind": row["journals_behind"],
            "lag_events": row["lag_events"],
            "lag_seconds": round(row["lag_seconds"], 3),
            "poisoned": row["poisoned"],
        }
        for row in rows
    ]


def _state(row: asyncpg.Record) -> str:
    if row["state"] is None:
        return "live"
    return f"live, {'paused' if row['wanted'] == 'pause' else row['state']} generation {row['rebuilt_generation']}"


async def _status(connection: asyncpg.Connection, admin: Administration, row: asyncpg.Record) -> dict[str, Any]:
    model = next((model for model in admin.read_models if model.name == row["read_model"]), None)
    under_way = row["state"] not in rebuild.OVER
    return {
        "name": row["read_model"],
        "generation": row["generation"],
        "purpose": row["purpose"],
        "state": "paused" if under_way and row["wanted"] == "pause" else row["state"],
        "running": bool(under_way and model and await rebuild.is_running(connection, model)),
        "events_done": row["events_done"],
        "events": row["events"],
        "started_at": row["started_at"],
        "updated_at": row["updated_at"],
        "report": orjson.loads(row["report"]) if row["report"] else None,
    }


def _add_rebuilds(group: click.Group) -> None:
    @group.command("rebuild", epilog=_EXIT_CODES)
    @_NAMES
    @click.option("--all", "every", is_flag=True, help="All read models.")
    @click.option("--swap-if-different", is_flag=True, help="Have the new rows read even where they differ.")
    @_JOBS
    @AS_JSON
    @click.pass_obj
    def rebuild_models(
        settings: Settings,
        names: tuple[str, ...],
        every: bool,
        swap_if_different: bool,
        jobs: int | None,
        as_json: bool,
    ) -> None:
        """Build read models anew beside the live ones, compare, and have the new ones read.

        Nobody who reads or writes notices. One that was killed goes on where it was.
        """
        prove = partial(rebuild.rebuild, swap_if_different=swap_if_different)
        _end(run(_prove_all(settings, names, every, jobs, as_json, prove)), as_json=as_json)

    @group.command("verify", epilog=_EXIT_CODES)
    @_NAMES
    @click.option("--all", "every", is_flag=True, help="All read models.")
    @_JOBS
    @AS_JSON
    @click.pass_obj
    def verify_models(settings: Settings, names: tuple[str, ...], every: bool, jobs: int | None, as_json: bool) -> None:
        """Compare read models with a fresh fold of all events; what is read stays as it is."""
        _end(run(_prove_all(settings, names, every, jobs, as_json, rebuild.verify)), as_json=as_json)

    @group.command("work", hidden=True)
    @_NAME
    @click.pass_obj
    def work_at(settings: Settings, name: str) -> None:
        """Fill the rebuild of a read model, until standard input ends or nothing is left."""

        async def work() -> None:
            async with open_administration(settings) as admin:
                filling = asyncio.create_task(fill(admin.dsn, admin.keyring, admin.read_models, name))
                when_parent_ends(filling.cancel)
                await asyncio.wait([filling])
                if not filling.cancelled():
                    filling.result()

        run(work())


async def _prove_all(
    settings: Settings, names: Sequence[str], every: bool, jobs: int | None, as_json: bool, prove: Prove
) -> list[dict[str, Any]]:
    async with open_administration(settings) as admin:
        models = admin.find(names, every=every)
        with _shown(as_json=as_json) as note:
            return await rebuild.each(prove, admin.rebuilding(jobs, note), models)


def _add_controls(group: click.Group) -> None:
    @group.command("pause")
    @_NAME
    @AS_JSON
    @click.pass_obj
    def pause(settings: Settings, name: str, as_json: bool) -> None:
        """Have a rebuild wait, within seconds, until `resume`."""

        async def work() -> None:
            async with open_administration(settings) as admin, owning(admin.dsn) as connection:
                await _want(connection, admin, name, "pause")

        run(work())
        _print([{"name": name, "wanted": "pause"}], as_json=as_json)

    @group.command("resume")
    @_NAME
    @_JOBS
    @AS_JSON
    @click.pass_obj
    def resume(settings: Settings, name: str, jobs: int | None, as_json: bool) -> None:
        """Have a paused rebuild go on; one whose command is gone goes on in this one, as what it was begun."""

        async def work() -> dict[str, Any]:
            async with open_administration(settings) as admin:
                async with owning(admin.dsn) as connection:
                    model = await _want(connection, admin, name, "run")
                    if await rebuild.is_running(connection, model):
                        return {"name": name, "wanted": "run"}
                with _shown(as_json=as_json) as note:
                    return await rebuild.resume(admin.rebuilding(jobs, note), model)

        done = run(work())
        if "outcome" in done:
            _end([done], as_json=as_json)
        else:
            _print([done], as_json=as_json)


def _add_ends(group: click.Group) -> None:
    @group.command("cancel")
    @_NAME
    @AS_JSON
    @click.pass_obj
    def cancel(settings: Settings, name: str, as_json: bool) -> None:
        """End a rebuild and drop its tables; what is read stays as it is."""

        async def work() -> dict[str, Any]:
            async with open_administration(settings) as admin, owning(admin.dsn) as connection:
                model = await _want(connection, admin, name, "cancel")
                if not await rebuild.is_running(connection, model):
                    await rebuild.discard(connection, model)
                return {"name": name, "wanted": "cancel"}

        _print([run(work())], as_json=as_json)

    @group.command("drop-old")
    @_NAMES
    @AS_JSON
    @click.pass_obj
    def drop_old(settings: Settings, names: tuple[str, ...], as_json: bool) -> None:
        """Drop the generations that are no longer read, of some read models or of all that nobody is rebuilding."""

        async def work() -> list[dict[str, Any]]:
            dropped: list[dict[str, Any]] = []
            async with open_administration(settings) as admin, owning(admin.dsn) as connection:
                for model in admin.find(names, every=True):
                    with suppress(*(() if names else (RebuildRunning,))):
                        numbers = await rebuild.drop_old(connection, model)
                        dropped += [{"name": model.name, "generation": number} for number in numbers]
            return dropped

        _print(run(work()), as_json=as_json)


async def _want(connection: asyncpg.Connection, admin: Administration, name: str, wanted: str) -> ReadModel:
    """Raises: click.ClickException."""
    (model,) = admin.find([name])
    if not await rebuild.want(connection, model, wanted):
        raise click.ClickException(f"{name} is not being rebuilt.")
    return model


@contextmanager
def _shown(*, as_json: bool) -> Iterator[Note]:
    """Show progress on standard error: a bar in a terminal, a line now and then in a log."""
    console = Console(stderr=True)
    if as_json or not console.is_terminal:
        yield _logged(lambda _line: None if as_json else click.echo(_line, err=True))
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {}

        def note(progress: Progress) -> None:
            if progress.name not in tasks:
                tasks[progress.name] = bars.add_task("", rate="")
            current = next(task for task in bars.tasks if task.id == tasks[progress.name])
            rate = f"{current.speed:,.0f}/s" if current.speed else ""
            bars.update(
                current.id,
                description=f"{progress.name}: {progress.state}",
                completed=progress.done,
                total=progress.total or None,
                rate=rate,
            )

        yield note


def _logged(say: Callable[[str], None]) -> Note:
    """A line at every change of state, and every few seconds one with the rate and what is left."""
    began: dict[str, tuple[float, int]] = {}
    said: dict[str, tuple[str, float]] = {}
    """Of each read model, its last line's state and time."""

    def note(progress: Progress) -> None:
        state, at = f"{progress.name}: {progress.state}", time.monotonic()
        first_at, first_done = began.setdefault(state, (at, progress.done))
        last, said_at = said.get(progress.name, ("", at))
        if state == last and at - said_at < LOG_SECONDS:
            return
        rate = (progress.done - first_done) / (at - first_at) if at > first_at else 0
        left = f", {rate:,.0f}/s, {(progress.total - progress.done) / rate:,.0f} s left" if rate else ""
        say(f"{state} {progress.done:,} of {progress.total:,}{left}" if progress.total > 1 else state)
        said[progress.name] = state, at

    return note


def _end(reports: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print the reports; the exit code tells whether all are equal."""
    if as_json:
        click.echo(orjson.dumps(reports, option=orjson.OPT_INDENT_2))
    else:
        for report in reports:
            for line in _told(report):
                click.echo(line)
    if any(report["outcome"] == "different" for report in reports):
        sys.exit(DIFFERENT)


def _told(report: dict[str, Any]) -> Iterator[str]:
    swapped = f"generation {report['generation']} is read now" if report["swapped"] else "what is read stays as it is"
    compared = f", {report['journals']:,} journals compared" if report["journals"] is not None else ""
    yield f"{report['read_model']}: {report['outcome']}{compared}; {swapped} ({report['seconds']} s)"
    for listed in report["listed"]:
        yield f"  {Difference(**listed)}"
    if (more := (report["differences"] or 0) - len(report["listed"])) > 0:
        yield f"  and {more:,} more differences"
    yield from _told_of_events(report["poisoned"], "cannot take")
    yield from _told_of_events(report["mended"], "takes, as the live one could not,")


def _told_of_events(found: dict[str, Any], verb: str) -> Iterator[str]:
    for event in found["listed"]:
        yield "  {verb} position {position} of journal {journal_id}, {topic}: {reason}".format(verb=verb, **event)
    if (more := found["count"] - len(found["listed"])) > 0:
        yield f"  {verb} {more:,} more events"


def _print(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    """A row per line, its columns named on top, or all of them as JSON."""
    if as_json:
        click.echo(orjson.dumps(rows, option=orjson.OPT_UTC_Z | orjson.OPT_INDENT_2))
        return
    if not rows:
        return
    columns = [[name, *(_cell(row[name]) for row in rows)] for name in rows[0] if name != "report"]
    widths = [max(map(len, column)) for column in columns]
    for line in zip(*columns, strict=True):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%SZ}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
