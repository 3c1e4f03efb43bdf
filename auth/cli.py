"""The commands of the command line on signing keys and registered services."""

from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

import click
import orjson
from marshmallow import ValidationError

from auth import schemas
from auth.commands import clients, keys
from eventstore.processes import run
from eventstore.settings import Settings
from eventstore.store import EventStore

Result = TypeVar("Result")


@dataclass(frozen=True)
class Administration:
    """What a command works with."""

    store: EventStore
    first_seed: bytes = field(repr=False)
    """Of the key that signs where none was made yet."""
    request_id: str
    clock: Callable[[], datetime]


AS_JSON: Final = click.option("--json", "as_json", is_flag=True, help="For programs.")

Open = Callable[[Settings], AbstractAsyncContextManager[Administration]]
Work = Callable[[Administration], Coroutine[Any, Any, Result]]


def _run(opening: AbstractAsyncContextManager[Administration], work: Work[Result]) -> Result:
    """Do a command's work."""

    async def opened() -> Result:
        async with opening as admin:
            return await work(admin)

    return run(opened())


def keys_group(open_administration: Open) -> click.Group:
    """Make `gagyebu keys`."""
    group = click.Group("keys", help="The keys that sign access tokens.")

    @group.command("rotate")
    @click.option("--at-once", is_flag=True, help="Refuse what the old keys signed: they may be in other hands.")
    @click.pass_obj
    def rotate(settings: Settings, at_once: bool) -> None:
        """Make a new key, which signs from now on.

        Running services take it within a second; tokens of the old ones stay good until they expire.
        """
        opening = open_administration(settings)
        key = _run(opening, lambda it: keys.rotate_keys(it.store, it.first_seed, it.request_id, at_once=at_once))
        click.echo(key.kid)

    @group.command("list")
    @AS_JSON
    @click.pass_obj
    def list_keys(settings: Settings, as_json: bool) -> None:
        """List the keys: when each was made, and whether it signs, still verifies, is expired or retired."""
        print_rows(_run(open_administration(settings), _list_keys), as_json=as_json)

    return group


async def _list_keys(admin: Administration) -> list[dict[str, Any]]:
    known = await keys.open_keys(admin.store, admin.first_seed, admin.request_id)
    states = keys.states(known, admin.clock())
    return [{"kid": key.kid, "created_at": key.generated_at, "state": state} for key, state in states]


def service_group(open_administration: Open) -> click.Group:
    """Make `gagyebu service`."""
    group = click.Group("service", help="The services that may introspect and revoke tokens.")

    @group.command("add")
    @click.argument("name")
    @click.pass_obj
    def add(settings: Settings, name: str) -> None:
        """Register a service. Its id and secret are shown this once."""
        checked = _name(name)
        opening = open_administration(settings)
        made = _run(opening, lambda it: clients.add_client(it.store, it.request_id, checked))
        click.echo(f"id      {made.client_id}\nsecret  {made.secret}")

    @group.command("list")
    @AS_JSON
    @click.pass_obj
    def list_services(settings: Settings, as_json: bool) -> None:
        """List the registered services."""
        known = _run(open_administration(settings), lambda it: clients.load_clients(it.store)).clients.values()
        rows = [{"id": str(each.id), "created_at": each.added_at, "name": each.name} for each in known]
        print_rows(rows, as_json=as_json)

    @group.command("remove")
    @click.argument("name")
    @click.pass_obj
    def remove(settings: Settings, name: str) -> None:
        """Take a service, named by its name or id, off the register: its secret is refused from now on."""
        _run(open_administration(settings), lambda it: clients.remove_client(it.store, it.request_id, name))

    return group


def _name(text: str) -> str:
    """Raises: click.BadParameter."""
    try:
        name: str = schemas.Name().deserialize(text)
    except ValidationError as error:
        raise click.BadParameter(" ".join(map(str, error.messages)), param_hint="NAME") from None
    return name


def print_rows(rows: Any, *, as_json: bool) -> None:
    """A row per line, or all of them as JSON."""
    if as_json:
        click.echo(orjson.dumps(rows, option=orjson.OPT_UTC_Z | orjson.OPT_INDENT_2))
        return
    for row in rows:
        click.echo("  ".join(_cell(value) for value in row.values()))


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(_cell, value))
    return f"{value:%Y-%m-%d %H:%M:%SZ}" if isinstance(value, datetime) else "-" if value is None else str(value)
