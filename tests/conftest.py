"""Real parts for every test: one PostgreSQL per run, one migrated database per test, the service in this process."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from uuid_utils.compat import uuid7

from auth.serving import Runner
from eventstore.codec import Metadata
from eventstore.database import Database, open_database
from eventstore.embedded import embedded_postgres
from eventstore.keys import Keyring, MasterKey
from eventstore.settings import Settings
from eventstore.store import EventStore
from projections.engine import Engine
from projections.migrate import migrate_database
from projections.read_models import READ_MODELS
from service import answer_error, open_app

MASTER_KEY = MasterKey(b"a key for tests only, 32 bytes..")
TEMPLATE = "gagyebu"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL for the whole run; its own database is the migrated template of all others."""
    data_dir = tmp_path_factory.mktemp("server")
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        settings = {"fsync": "off", "max_connections": "200"}
        dsn = runner.run(stack.enter_async_context(embedded_postgres(data_dir, settings)))
        runner.run(migrate_database(dsn))
        yield dsn
        runner.run(stack.aclose())


@pytest.fixture
async def empty_dsn(server: str) -> AsyncIterator[str]:
    """A database with nothing in it."""
    async for dsn in _fresh_database(server, "template0"):
        yield dsn


@pytest.fixture
async def dsn(server: str) -> AsyncIterator[str]:
    """A migrated database."""
    async for dsn in _fresh_database(server, TEMPLATE):
        yield dsn


async def _fresh_database(server: str, template: str) -> AsyncIterator[str]:
    name = f"test_{uuid4().hex}"
    maintenance = await asyncpg.connect(server.replace(f"/{TEMPLATE}?", "/postgres?"))
    await maintenance.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield server.replace(f"/{TEMPLATE}?", f"/{name}?")
    await maintenance.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await maintenance.close()


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with open_database(dsn, pool_size_max=10) as database:
        yield database


@pytest.fixture
def keyring() -> Keyring:
    return Keyring(MASTER_KEY)


@pytest.fixture
async def store(database: Database, keyring: Keyring) -> AsyncIterator[EventStore]:
    store = EventStore(database, keyring)
    yield store
    await store.close()


@pytest.fixture
def engine(database: Database, keyring: Keyring) -> Engine:
    return Engine(database, keyring, READ_MODELS)


@pytest.fixture
def metadata() -> Metadata:
    return Metadata(uuid7(), "test")


@pytest.fixture
def settings(dsn: str, tmp_path: Path) -> Settings:
    """The settings of a service on this test's database."""
    key = base64.b64encode(b"a key for tests only, 32 bytes..").decode()
    return Settings(database_url=dsn, master_key=key, data_dir=tmp_path)


class Served(TestServer):
    """A service on a port of its own, as `gagyebu serve` runs it."""

    async def _make_runner(self, **_: object) -> web.BaseRunner:
        return Runner(self.app, answer_error)


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[TestClient]:
    """The whole service, over HTTP."""
    async with open_app(settings, settings.database_url) as app, TestClient(Served(app)) as client:
        yield client
