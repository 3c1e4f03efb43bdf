"""`gagyebu replay`: the story of a book, for people in a terminal or as lines of JSON."""

import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final
from uuid import UUID

import click
import orjson
from marshmallow import ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from eventstore.processes import run
from eventstore.settings import Settings
from projections.history import Fields
from projections.moments import KnownAt, Moment
from projections.opening import open_beside
from projections.replay import replay_book

PIPED_WIDTH: Final = 140
SHOWN_EVENTS: Final = 40
"""Laid out together, as a table of fixed widths that the next one goes on with."""


@click.command("replay")
@click.option("--book", "book_id", type=click.UUID, required=True, help="The book, by its id.")
@click.option("--until", metavar="POSITION|TIME", help="The last event, or a time such as 2026-11-02T09:00:00Z.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON per event, for programs.")
@click.pass_obj
def replay(settings: Settings, book_id: UUID, until: str | None, as_json: bool) -> None:
    """Tell the story of a book: each event, who did it, what changed from → to, and the balance after it."""
    moment = _moment(until)

    async def work() -> None:
        async with open_beside(settings) as storage:
            story = replay_book(storage.engine, book_id, moment)
            await (_print_json(story) if as_json else _print_tables(story))

    run(work())


def _moment(text: str | None) -> Moment:
    """Raises: click.BadParameter."""
    try:
        return Moment() if text is None else KnownAt().deserialize(text)
    except ValidationError:
        sentence = "This is neither a position of the journal nor a time such as 2026-11-02T09:00:00Z."
        raise click.BadParameter(sentence, param_hint="--until") from None


async def _print_json(story: AsyncIterator[Fields]) -> None:
    async for told in story:
        line = orjson.dumps(told, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
        sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


async def _print_tables(story: AsyncIterator[Fields]) -> None:
    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False)
    table = _table(head=True)
    async for told in story:
        table.add_row(*_cells(told))
        if table.row_count == SHOWN_EVENTS:
            console.print(table)
            table = _table(head=False)
    console.print(table)


def _table(*, head: bool) -> Table:
    table = Table(box=None, show_header=head, expand=True, pad_edge=False)
    table.add_column("#", width=6, justify="right", style="dim")
    table.add_column("recorded (UTC)", width=19)
    table.add_column("who", width=12)
    table.add_column("event", width=16, style="bold")
    table.add_column("what changed", ratio=1, overflow="fold")
    table.add_column("balance", width=16, justify="right", style="green")
    return table


def _cells(told: Fields) -> Iterator[Text]:
    """Texts, so that no memo is taken for markup."""
    actor = told["actor"]
    who = "system" if actor is None else actor["name"] or f"{actor['id']}"[-12:]
    lines = [_change(name, **change) for name, change in told["changes"].items()]
    remarks = [f"{name}: {told[name]}" for name in ("reason", "to_version") if name in told]
    time = f"{told['recorded_at']:%Y-%m-%d %H:%M:%S}"
    for cell in (str(told["position"]), time, who, told["type"], "\n".join(lines + remarks), told["balance"]):
        yield Text(cell)


def _change(name: str, **change: Any) -> str:
    before, after = (_shown(change[end]) for end in ("from", "to"))
    return f"{name}: {before} → {after}" if change["from"] is not None else f"{name}: {after}"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return f"{_shown(value['name'])}{' (deleted)' if value['deleted'] else ''}"
    if isinstance(value, list):
        return ", ".join(value) or "–"
    return "–" if value is None or value == "" else str(value)
