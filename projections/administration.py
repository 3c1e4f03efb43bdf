"""What the owner of the schema works with on read models: by commands, and where a migration finds one outdated."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import click

from eventstore.database import open_database
from eventstore.keys import Keyring
from eventstore.processes import start_child
from eventstore.settings import Settings, master_key_of
from projections.engine import Engine, ReadModel
from projections.read_models import READ_MODELS
from projections.rebuild import Note, Rebuilding, Spawn


@dataclass(frozen=True)
class Administration:
    """The read models, and what rebuilds them."""

    dsn: str
    """Of the owner of the schema."""
    engine: Engine
    keyring: Keyring
    read_models: Sequence[ReadModel]
    spawn: Spawn

    def find(self, names: Sequence[str], *, every: bool = False) -> list[ReadModel]:
        """Raises: click.BadParameter, click.UsageError."""
        known = {model.name: model for model in self.read_models}
        if unknown := [name for name in names if name not in known]:
            raise click.BadParameter(f"{unknown[0]} is none of {', '.join(known)}.", param_hint="NAME")
        if not names and not every:
            raise click.UsageError(f"Name read models, or say --all. There are {', '.join(known)}.")
        return [known[name] for name in dict.fromkeys(names or known)]

    def rebuilding(self, jobs: int | None, note: Note) -> Rebuilding:
        """`jobs`: how many processes fold; by default one core is left to those who read and write."""
        jobs = jobs or max((os.cpu_count() or 1) - 1, 1)
        return Rebuilding(self.dsn, self.engine, self.keyring, jobs, self.spawn, note)


@asynccontextmanager
async def administering(settings: Settings, dsn: str) -> AsyncIterator[Administration]:
    """`dsn`: of the owner of the schema. Raises: StoreError, click.UsageError."""
    master_key = master_key_of(settings)
    keyring = Keyring(master_key)
    environment = {
        "GAGYEBU_DATABASE_URL": dsn,
        "GAGYEBU_MIGRATE_DATABASE_URL": "",
        "GAGYEBU_MASTER_KEY": master_key.text,
    }

    async def spawn(name: str) -> asyncio.subprocess.Process:
        return await start_child("projections", "work", name, environment=environment)

    async with open_database(dsn, pool_size_max=2) as database:
        yield Administration(dsn, Engine(database, keyring, READ_MODELS), keyring, READ_MODELS, spawn)
