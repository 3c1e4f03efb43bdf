"""Opening the database that is set, or the embedded one: for a service, or for one command beside services."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from eventstore.database import Database, open_database
from eventstore.embedded import embedded_postgres, reached_postgres
from eventstore.errors import SchemaOutdated
from eventstore.keys import Keyring, MasterKey
from eventstore.migrate import require_migrated
from eventstore.settings import Settings, master_key_of
from eventstore.store import EventStore
from projections.administration import Administration, administering
from projections.engine import Engine
from projections.migrate import migrate_database, migrate_schema
from projections.read_models import READ_MODELS
from projections.schema import find_outdated

Embedded = Callable[[Path], AbstractAsyncContextManager[str]]
"""Opens the embedded PostgreSQL of a data directory: as the one who runs it, or beside it."""


@dataclass(frozen=True)
class Storage:
    """The database, what writes events to it, and what reads from it."""

    dsn: str
    master_key: MasterKey
    database: Database
    store: EventStore
    engine: Engine

    async def begin(self) -> None:
        """Have read models that stopped tried again, once all is of this version. Raises: SchemaOutdated."""
        async with self.database.transaction() as transaction:
            await require_migrated(transaction)
            outdated = await find_outdated(transaction, READ_MODELS)
        if outdated:
            raise SchemaOutdated([model.name for model in outdated])
        await self.engine.retry_stopped()


@asynccontextmanager
async def open_dsn(
    settings: Settings, embedded: Embedded = embedded_postgres, *, rebuild_outdated: bool = True
) -> AsyncIterator[str]:
    """The database that is set, or the embedded one, migrated."""
    if settings.database_url:
        yield settings.database_url
        return
    async with embedded(settings.data_dir) as dsn:
        await (migrate_database(dsn, settings) if rebuild_outdated else migrate_schema(dsn))
        yield dsn


@asynccontextmanager
async def open_storage(dsn: str, master_key: MasterKey, pool_size_max: int) -> AsyncIterator[Storage]:
    """Raises: StoreUnavailable, SchemaOutdated."""
    keyring = Keyring(master_key)
    async with open_database(dsn, pool_size_max) as database:
        store = EventStore(database, keyring)
        try:
            yield Storage(dsn, master_key, database, store, Engine(database, keyring, READ_MODELS))
        finally:
            await store.close()


@asynccontextmanager
async def open_beside(settings: Settings) -> AsyncIterator[Storage]:
    """What one command works with, beside services that run or not. Raises: StoreError, click.UsageError."""
    async with (
        open_dsn(settings, reached_postgres) as dsn,
        open_storage(dsn, master_key_of(settings), pool_size_max=1) as storage,
    ):
        yield storage


@asynccontextmanager
async def open_reading(settings: Settings) -> AsyncIterator[Database]:
    """The database for one command that needs no key. Raises: StoreError."""
    async with open_dsn(settings, reached_postgres) as dsn, open_database(dsn, pool_size_max=1) as database:
        yield database


@asynccontextmanager
async def open_administration(settings: Settings) -> AsyncIterator[Administration]:
    """The read models for one command of their owner. Raises: StoreError, click.UsageError."""
    async with AsyncExitStack() as stack:
        reached = open_dsn(settings, reached_postgres, rebuild_outdated=False)  # which may be what is to be done
        dsn = settings.migrate_database_url or await stack.enter_async_context(reached)
        yield await stack.enter_async_context(administering(settings, dsn))


@asynccontextmanager
async def open_owner(settings: Settings) -> AsyncIterator[tuple[asyncpg.Connection, Keyring]]:
    """The database, migrated, for its owner. Raises: StoreError, click.UsageError."""
    keyring = Keyring(master_key_of(settings))
    async with open_dsn(settings, reached_postgres) as dsn:
        owner = settings.migrate_database_url or dsn
        await migrate_database(owner, settings)
        connection = await asyncpg.connect(owner)
        try:
            yield connection, keyring
        finally:
            await connection.close()
