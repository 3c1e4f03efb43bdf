"""The connection pool; the one place where the driver's errors become ours."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from typing import Any, TypeAlias

import asyncpg

from eventstore.errors import SchemaOutdated, StoreUnavailable

SERVICE_ROLE = "gagyebu_service"
QUERY_SECONDS_MAX = 30
ACQUIRE_SECONDS_MAX = 10
CONNECT_SECONDS_MAX = 10
CLOSE_SECONDS_MAX = 10

# A lost database shows as any of these; an InterfaceError is also a connection closed under our hands.
_UNAVAILABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InternalClientError,
    asyncpg.InterfaceError,
    asyncpg.exceptions.OperatorInterventionError,
    asyncpg.exceptions.InsufficientResourcesError,
    asyncpg.exceptions.InvalidCatalogNameError,  # dropped
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.exceptions.ObjectNotInPrerequisiteStateError,  # told to take no connections
    OSError,
    TimeoutError,
)

SERVER_SETTINGS = {
    "application_name": "gagyebu",
    "search_path": "readmodels, eventstore, public",
    "timezone": "UTC",
    "role": SERVICE_ROLE,
    # Statements are written for one plan, by index, whatever the tables hold: planning costs more than running, and a
    # plan made while a table was small must not live on as a scan. Without knowing the values, the planner also takes a
    # book for a handful of rows, and would rather sort all of it than walk an index that has them in order.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_sort": "off",
    # A process that hangs, or whose machine is gone, holds its locks no longer than this.
    "idle_in_transaction_session_timeout": "10s",
    "jit": "off",  # our statements are short; compiling them costs more than it saves
    "citus.override_table_visibility": "off",
}


AnyConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | Transaction"
Transaction: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"


@contextmanager
def translated() -> Iterator[None]:
    """Raises StoreUnavailable where the database is out of reach."""
    try:
        yield
    except _UNAVAILABLE as error:
        if isinstance(error, ValueError):  # the driver's DataError: a value that fits no column is our own fault
            raise
        raise StoreUnavailable from error


@contextmanager
def _role_required() -> Iterator[None]:
    """Raises SchemaOutdated on a server where the service's role was never made: that is a migration too."""
    try:
        yield
    except asyncpg.InvalidParameterValueError as error:
        raise SchemaOutdated(["0003_service_role"]) from error


class Database:
    """A pool of connections that work under the service's role.

    Connections that were used without trouble are kept at hand: going through the driver's pool, which starts a task
    at every release, costs about as much as a query. Only those in doubt go back to it, to be reset or replaced.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._at_hand: list[Transaction] = []
        # The pool lets newcomers overtake those who wait, for as long as there are newcomers; this makes it fair.
        self._turns = asyncio.Semaphore(pool.get_max_size())

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[asyncpg.Record]:
        with translated():
            async with self._connection() as connection:
                return await connection.fetch(sql, *arguments)

    async def fetchrow(self, sql: str, *arguments: Any) -> asyncpg.Record | None:
        with translated():
            async with self._connection() as connection:
                return await connection.fetchrow(sql, *arguments)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Hold a connection for one transaction, committed at the end of the block."""
        with translated():
            async with self._connection() as connection, connection.transaction():
                yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Transaction]:
        """Hold a connection that reads the database as it is at its first query."""
        with translated():
            async with (
                self._connection() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                yield connection

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Transaction]:
        async with asyncio.timeout(ACQUIRE_SECONDS_MAX) if self._turns.locked() else nullcontext():
            await self._turns.acquire()
        try:
            connection = await self._take()
            try:
                yield connection
            except BaseException:
                await self._pool.release(connection)
                raise
            self._at_hand.append(connection)
        finally:
            self._turns.release()

    async def _take(self) -> Transaction:
        """A connection at hand that is not known to be lost, otherwise one of the pool's."""
        while self._at_hand:
            connection = self._at_hand.pop()
            with suppress(asyncpg.InterfaceError):  # the pool has heard of its end, and taken it back
                if not connection.is_closed():
                    return connection
            await self._pool.release(connection)
        return await self._pool.acquire()

    async def close(self) -> None:
        """Wait for the queries under way, up to CLOSE_SECONDS_MAX, then close every connection."""
        for connection in self._at_hand:
            await self._pool.release(connection)
        with suppress(TimeoutError):  # the pool then cuts its connections off
            async with asyncio.timeout(CLOSE_SECONDS_MAX):
                await self._pool.close()


async def connect(dsn: str) -> asyncpg.Connection:
    """Open one connection of its own, under the service's role. Raises: StoreUnavailable, SchemaOutdated."""
    with translated(), _role_required():
        return await asyncpg.connect(
            dsn,
            timeout=CONNECT_SECONDS_MAX,
            command_timeout=QUERY_SECONDS_MAX,
            server_settings=SERVER_SETTINGS,
        )


@asynccontextmanager
async def open_database(dsn: str, pool_size_max: int) -> AsyncIterator[Database]:
    """Open the pool for as long as the context lasts. Raises: StoreUnavailable, SchemaOutdated."""
    with translated(), _role_required():
        pool = await asyncpg.create_pool(
            dsn,
            min_size=min(2, pool_size_max),
            max_size=pool_size_max,
            timeout=CONNECT_SECONDS_MAX,
            command_timeout=QUERY_SECONDS_MAX,
            statement_cache_size=500,
            server_settings=SERVER_SETTINGS,
            reset=_leave_clean,
        )
    database = Database(pool)
    try:
        yield database
    finally:
        await database.close()


async def _leave_clean(connection: asyncpg.Connection) -> None:
    """Spare the driver's reset, a round trip at every release: we leave no session state behind."""
    if connection.is_in_transaction():
        await connection.reset()
