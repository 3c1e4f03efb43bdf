"""The systems under test, each started with a PostgreSQL of its own."""

import sys
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from bench.books import Bare, Client, Crud, Gagyebu, Subject, client
from bench.generator import Generator
from bench.lifecycle import SERVE, service_env
from bench.system import System, at_once, caught_up, database, serving
from bench.verdicts import BARE, CRUD, SERVICE
from eventstore.database import connect


async def open_subjects(stack: AsyncExitStack, home: Path, generator: Generator) -> list[Subject]:
    """Start every system under test for as long as the stack lasts."""
    bare, _ = await _limit(stack, home, BARE, "bench.bare")
    crud, crud_client = await _limit(stack, home, CRUD, "bench.crud")
    service, service_client = await _service(stack, home)
    return [Gagyebu(service, service_client, generator), Bare(bare), Crud(crud, crud_client)]


async def _limit(stack: AsyncExitStack, home: Path, name: str, module: str) -> tuple[System, Client]:
    enter = stack.enter_async_context
    found = await enter(database(home / module))
    server = await enter(serving([sys.executable, "-m", module, found.dsn], home / f"{module}.log"))
    return System(name, server, found, at_once), await enter(client(server.url))


async def _service(stack: AsyncExitStack, home: Path) -> tuple[System, Client]:
    enter = stack.enter_async_context
    found = await enter(database(home / SERVICE))
    server = await enter(serving(SERVE, home / f"{SERVICE}.log", await service_env(found.dsn)))
    watching = await connect(found.dsn)
    stack.push_async_callback(watching.close)
    return System(SERVICE, server, found, partial(caught_up, watching)), await enter(client(server.url))
