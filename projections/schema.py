"""The read models' tables: made where missing; those of another code version are rebuilt beside what is read."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from eventstore.database import SERVICE_ROLE, AnyConnection
from eventstore.sql import statement
from projections.engine import ReadModel

_CREATE_ENGINE = statement(__package__, "create_engine")
_LIST_SCHEMAS = "SELECT nspname AS name FROM pg_namespace WHERE nspname LIKE 'generation\\_%'"
_DELETE_CHECKPOINTS = statement(__package__, "delete_checkpoints")


async def create_read_models(
    connection: asyncpg.Connection, read_models: Sequence[ReadModel], erased: Sequence[UUID] = ()
) -> list[str]:
    """Make the tables that are missing; inside a transaction that holds the migration lock.

    What was read of `erased` journals while their keys were back is read again, without.
    Returns: the names of the read models made now; their rows follow from the events.
    """
    await connection.execute(_CREATE_ENGINE)
    await connection.execute("SET LOCAL search_path = readmodels, eventstore")
    known = {row["name"] for row in await connection.fetch("SELECT name FROM read_models")}
    made = [model for model in read_models if model.name not in known]
    for model in made:
        await connection.execute(model.definition)
        await connection.execute(
            "INSERT INTO read_models (name, kind, version) VALUES ($1, $2, $3)", model.name, model.kind, model.version
        )
    await connection.execute(_DELETE_CHECKPOINTS, erased)
    for schema in ("readmodels", *(row["name"] for row in await connection.fetch(_LIST_SCHEMAS))):
        await connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO {SERVICE_ROLE}")
    await connection.execute(
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA readmodels TO {SERVICE_ROLE}"
    )
    return [model.name for model in made]


async def find_outdated(connection: AnyConnection, read_models: Sequence[ReadModel]) -> list[ReadModel]:
    """Find the read models whose rows follow from another version of the code: they are to be rebuilt."""
    rows = await connection.fetch("SELECT name, version FROM readmodels.read_models")
    versions = {row["name"]: row["version"] for row in rows}
    return [model for model in read_models if versions.get(model.name, model.version) != model.version]
