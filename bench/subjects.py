"""The systems under test, each started with a PostgreSQL of its own."""

import sys
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from bench.books import BARE, CRUD, SERVICE, Bare, Client, Crud, Gagyebu, Subject, client
from bench.generator import Generator
from bench.lifecycle import SERVE, service_env
from bench.system import System, at_once, caught_up, database, serving, watching


async def open_subjects(stack: AsyncExitStack, home: Path, generator: Generator) -> list[Subject]:
    """Start every system under test for as long as the stack lasts."""
    bare, _ = await _limit(stack, home, BARE, "bench.bare")
    crud, crud_client = await _limit(stack, home, CRUD, "bench.crud")
    service, service_client = await open_service(stack, home / SERVICE)
    return [Gagyebu(service, service_client, generator), Bare(bare), Crud(crud, crud_client)]


async def _limit(stack: AsyncExitStack, home: Path, name: str, module: str) -> tuple[System, Client]:
    enter = stack.enter_async_context
    found = await enter(database(home / module))
    server = await enter(serving([sys.executable, "-m", module, found.dsn], home / f"{module}.log"))
    return System(name, server, found, at_once), await enter(client(server.url))


async def open_service(stack: AsyncExitStack, folder: Path) -> tuple[System, Client]:
    """Start the service for as long as the stack lasts, its database in a folder."""
    enter = stack.enter_async_context
    found = await enter(database(folder))
    server = await enter(serving(SERVE, folder.with_suffix(".log"), await service_env(found.dsn)))
    look = partial(caught_up, await enter(watching(found.dsn)))
    return System(SERVICE, server, found, look), await enter(client(server.url))
