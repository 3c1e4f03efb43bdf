"""Connections of the database's owner and of the service, and a second process's worth of a store."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from eventstore.codec import Metadata
from eventstore.database import connect, open_database
from eventstore.keys import Keyring
from eventstore.store import EventStore
from ledger.book import Book
from tests.conftest import MASTER_KEY
from tests.contract.books import opened


@pytest.fixture
async def owner(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """Who made the schema, and may do what SQL lets an owner do."""
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """The role that the service works under."""
    connection = await connect(dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def neighbour(dsn: str) -> AsyncIterator[EventStore]:
    """The store of another process: its own pool, keys and batches."""
    async with open_database(dsn, pool_size_max=4) as database:
        store = EventStore(database, Keyring(MASTER_KEY))
        yield store
        await store.close()


@pytest.fixture
async def book(store: EventStore, metadata: Metadata) -> Book:
    """A book that is recorded."""
    return await opened(store, metadata)
