"""Generations: one read model's tables in a schema of their own, built beside those that are read, then swapped.

What is read is always in the schema `readmodels`. Every statement names its tables without a schema, so a connection
whose search path begins with a generation's schema runs a read model's own code on that generation.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, NamedTuple, TypeVar, cast
from uuid import UUID

import asyncpg

from eventstore.bulk import chunked
from eventstore.database import (
    CONNECT_SECONDS_MAX,
    SERVER_SETTINGS,
    SERVICE_ROLE,
    AnyConnection,
    Transaction,
    translated,
)
from eventstore.keys import Keyring
from eventstore.sql import statement
from eventstore.store import READ_JOURNALS, decode_rows
from projections.engine import BYTES_MAX, EVENTS_MAX, FIRST_JOURNAL, JOURNALS_MAX, ReadModel, erased_of, may_go_on
from projections.poison import Poison, decode_until_poison, fold_until_poison, may_be_poison

Noted = TypeVar("Noted")

LOCK_MILLISECONDS_MAX: Final = 200
"""How long a swap waits for those who read, and at worst others behind it; then it lets them go first."""
VACUUM_MILLISECONDS_MAX: Final = 3_000
"""How long it waits for an autovacuum, beside which all others go on: PostgreSQL has one give way after a second."""
ANY_POSITION: Final = 2**62

_SAVE = statement(__package__, "save_generation")
_FIND_BEHIND = statement(__package__, "find_behind")
_FIND_BEHIND_OF = statement(__package__, "find_behind_of")
_SAVE_POISONED = statement(__package__, "save_rebuild_poisoned")
_LIST_INDEXES = statement(__package__, "list_secondary_indexes")
_LIST_FUNCTIONS = statement(__package__, "list_functions")
_LIST_GENERATIONS = statement(__package__, "list_generations")
_FINISH_SWAP = statement(__package__, "finish_swap")
_FORGET = statement(__package__, "drop_generation")


class Generation(NamedTuple):
    """The tables of a read model that are being built, or that were read once."""

    model: ReadModel
    number: int

    @property
    def schema(self) -> str:
        return f"generation_{self.model.name}_{self.number}"


@asynccontextmanager
async def owning(dsn: str, generation: Generation | None = None, **settings: str) -> AsyncIterator[asyncpg.Connection]:
    """Connect as the owner of the schema, to work on a generation or on what is read. Raises: StoreUnavailable."""
    own = {name: value for name, value in SERVER_SETTINGS.items() if name != "role"}
    path = f"{generation.schema}, {own['search_path']}" if generation else own["search_path"]
    with translated():
        connection = await asyncpg.connect(
            dsn, timeout=CONNECT_SECONDS_MAX, server_settings={**own, "search_path": path, **settings}
        )
        try:
            yield connection
        finally:
            connection.terminate()


async def work_on(connection: asyncpg.Connection, generation: Generation) -> None:
    """Have this connection see the generation's tables in the place of those that are read."""
    await connection.execute(f"SET search_path = {generation.schema}, {SERVER_SETTINGS['search_path']}")


async def create(connection: asyncpg.Connection, generation: Generation) -> list[str]:
    """Make a generation's tables, empty; in a transaction.

    Returns: the statements that make its secondary indexes, which filling it goes faster without.
    """
    schema = generation.schema
    await create_schema(connection, schema)
    await connection.execute(f"SET LOCAL search_path = {schema}, readmodels, eventstore")
    await connection.execute(generation.model.definition)
    await connection.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {SERVICE_ROLE}")
    indexes = await connection.fetch(_LIST_INDEXES, schema)
    for index in indexes:
        await connection.execute(f"DROP INDEX {schema}.{index['name']}")
    return [row["definition"].replace("INDEX ", "INDEX IF NOT EXISTS ", 1) for row in indexes]


async def create_schema(connection: asyncpg.Connection, schema: str) -> None:
    """Make a schema in which the service can erase, too."""
    await connection.execute(f"CREATE SCHEMA {schema}; GRANT USAGE ON SCHEMA {schema} TO {SERVICE_ROLE}")


async def drop(connection: asyncpg.Connection, generation: Generation) -> None:
    """Drop a generation that is not read."""
    async with connection.transaction():
        await connection.execute(f"DROP SCHEMA IF EXISTS {generation.schema} CASCADE")
        await connection.execute(_FORGET, generation.model.name, generation.number)


async def list_kept(connection: asyncpg.Connection, model: ReadModel) -> list[Generation]:
    """List the generations of a read model that are there and not read, oldest first."""
    rows = await connection.fetch(_LIST_GENERATIONS, model.name)
    return [Generation(model, row["generation"]) for row in rows]


async def note_positions(connection: AnyConnection, generation: Generation, positions: dict[UUID, int]) -> None:
    """Note how far the generation has read some journals, in the transaction that wrote its rows."""
    if positions:
        ids = sorted(positions)
        await connection.execute(
            _SAVE, generation.model.name, generation.number, ids, [positions[each] for each in ids]
        )


async def hold(connection: asyncpg.Connection, generation: Generation) -> None:
    """Keep a generation's tables there until the transaction ends; whatever folds into them begins so.

    Were its schema gone, PostgreSQL would pass over it in the search path, and fold into what is read.
    Raises: asyncpg.InvalidSchemaNameError.
    """
    tables = ", ".join(f"{generation.schema}.{table}" for table in generation.model.tables)
    await connection.execute(f"LOCK TABLE {tables} IN ROW EXCLUSIVE MODE")


async def is_there(connection: asyncpg.Connection, generation: Generation) -> bool:
    there: bool = await connection.fetchval("SELECT to_regnamespace($1) IS NOT NULL", generation.schema)
    return there


async def fold_behind(
    connection: asyncpg.Connection,
    generation: Generation,
    keyring: Keyring,
    behind: Sequence[asyncpg.Record],
    until: Mapping[UUID, int] | None = None,
) -> int:
    """Fold what a generation has not read of some journals; the connection works on it.

    Where it cannot take an event it stops before it, in that journal alone.
    `until`: how far to read each journal at most (inclusive). Returns: how many events were read.
    """
    try:
        with translated():
            return await _fold_together(connection, generation, keyring, behind, until)
    except Exception as error:
        if not may_be_poison(error):
            raise
    model, journal_ids = generation.model, [row["journal_id"] for row in behind]
    left = await connection.fetch(_FIND_BEHIND_OF, model.name, generation.number, model.kind, journal_ids)
    return sum([await _fold_alone(connection, generation, keyring, row, until) for row in left])


async def _fold_alone(
    connection: asyncpg.Connection,
    generation: Generation,
    keyring: Keyring,
    journal: asyncpg.Record,
    until: Mapping[UUID, int] | None,
) -> int:
    """Fold what is left of one journal, up to the first event that the generation cannot take."""
    journal_id, position = journal["journal_id"], journal["position"]
    poison: Poison | None = None
    while poison is None:
        async with connection.transaction():
            await hold(connection, generation)
            rows = await connection.fetch(READ_JOURNALS, [journal_id], [position], EVENTS_MAX, BYTES_MAX)
            rows = [row for row in rows if until is None or row["position"] <= until.get(journal_id, 0)]
            if not rows:
                break
            events, unreadable = decode_until_poison(rows, keyring)
            take = partial(generation.model.take, erased=erased_of(rows))
            poison = await fold_until_poison(cast("Transaction", connection), take, events) or unreadable
            position = poison.position - 1 if poison else events[-1].position
            await note_positions(connection, generation, {journal_id: position})
            if poison:
                await connection.execute(_SAVE_POISONED, generation.model.name, generation.number, journal_id, *poison)
    return int(position - journal["position"])


async def _fold_together(
    connection: asyncpg.Connection,
    generation: Generation,
    keyring: Keyring,
    behind: Sequence[asyncpg.Record],
    until: Mapping[UUID, int] | None,
) -> int:
    ends = until if until is not None else dict.fromkeys((row["journal_id"] for row in behind), ANY_POSITION)
    afters = {row["journal_id"]: row["position"] for row in behind}
    folded = 0
    while afters := {each: position for each, position in afters.items() if position < ends.get(each, 0)}:
        async with connection.transaction():
            await hold(connection, generation)
            rows = await connection.fetch(READ_JOURNALS, list(afters), list(afters.values()), EVENTS_MAX, BYTES_MAX)
            events = [event for event in decode_rows(rows, keyring) if event.position <= ends[event.journal_id]]
            if events:
                await generation.model.take(cast("Transaction", connection), events, erased_of(rows))
            reached = {event.journal_id: event.position for event in events}
            await note_positions(connection, generation, reached)
        folded += len(events)
        if not may_go_on(rows):
            break
        afters |= reached
    return folded


async def catch_up(connection: asyncpg.Connection, generation: Generation, keyring: Keyring) -> int:
    """Bring a generation up to the heads of its journals, as each is met. Returns: how many events that were."""
    place, folded, model = FIRST_JOURNAL, 0, generation.model
    while behind := await connection.fetch(
        _FIND_BEHIND, model.name, generation.number, model.kind, place, JOURNALS_MAX
    ):
        folded += await fold_behind(connection, generation, keyring, behind)
        place = behind[-1]["journal_id"]
    return folded


async def catch_up_journals(
    connection: asyncpg.Connection, generation: Generation, keyring: Keyring, journal_ids: Sequence[UUID]
) -> int:
    """As catch_up, of these journals only."""
    folded, model = 0, generation.model
    for chunk in chunked(sorted(journal_ids), JOURNALS_MAX):
        behind = await connection.fetch(_FIND_BEHIND_OF, model.name, generation.number, model.kind, chunk)
        folded += await fold_behind(connection, generation, keyring, behind)
    return folded


async def swap(
    connection: asyncpg.Connection,
    generation: Generation,
    live: Generation,
    fold_last: Callable[[], Awaitable[None]],
    note_swapped: Callable[[], Awaitable[Noted]],
) -> Noted:
    """Have a generation read in the place of the live one, which is kept in a schema of its own; all in one moment.

    Locks are taken in the order in which catch-up takes them: checkpoints, then tables. Whoever waits for them
    goes on with the new tables: PostgreSQL plans a statement again where a table has moved while it waited.
    Returns: what was noted.
    Raises: asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError; then nothing has happened.
    """
    model = generation.model
    async with connection.transaction():
        await connection.execute("SET LOCAL synchronous_commit = on")
        moving = await _tables_in(connection, "readmodels", model.tables)
        old = [f"readmodels.{table}" for table in moving]
        new = [f"{generation.schema}.{table}" for table in model.tables]
        await connection.execute(f"SET LOCAL lock_timeout = {VACUUM_MILLISECONDS_MAX}")
        await connection.execute(
            f"LOCK TABLE {', '.join(['readmodels.checkpoints', *old, *new])} IN SHARE UPDATE EXCLUSIVE MODE"
        )
        await connection.execute(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS_MAX}")
        await connection.execute("LOCK TABLE readmodels.checkpoints IN EXCLUSIVE MODE")
        await fold_last()
        await connection.execute(f"LOCK TABLE {', '.join(old)} IN ACCESS EXCLUSIVE MODE")
        await create_schema(connection, live.schema)
        functions = await connection.fetch(_LIST_FUNCTIONS, generation.schema)
        for table in moving:
            await connection.execute(f"ALTER TABLE readmodels.{table} SET SCHEMA {live.schema}")
        for function in functions:
            if function["replaces"]:
                await connection.execute(f"ALTER FUNCTION readmodels.{function['signature']} SET SCHEMA {live.schema}")
        for table in model.tables:
            await connection.execute(f"ALTER TABLE {generation.schema}.{table} SET SCHEMA readmodels")
        for function in functions:
            await connection.execute(
                f"ALTER FUNCTION {generation.schema}.{function['signature']} SET SCHEMA readmodels"
            )
        await connection.execute(f"DROP SCHEMA {generation.schema}")
        noted = await note_swapped()
        await connection.execute(_FINISH_SWAP, model.name, generation.number, model.version)
    return noted


async def _tables_in(connection: asyncpg.Connection, schema: str, tables: Sequence[str]) -> list[str]:
    """Those of some tables that a schema has: a new version of the code may have brought more."""
    rows = await connection.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = $1 AND tablename = ANY ($2) ORDER BY 1", schema, tables
    )
    return [row["tablename"] for row in rows]
