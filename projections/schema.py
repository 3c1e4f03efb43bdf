"""The read models' tables: made where missing, made anew where the code version changed."""

from collections.abc import Sequence

import asyncpg

from eventstore.database import SERVICE_ROLE
from eventstore.sql import statement
from projections.engine import ReadModel

_CREATE_ENGINE = statement(__package__, "create_engine")


async def create_read_models(connection: asyncpg.Connection, read_models: Sequence[ReadModel]) -> list[str]:
    """Bring the tables up to the code's versions; inside a transaction that holds the migration lock.

    Returns: the names of the read models made now; their rows follow from the events.
    """
    await connection.execute(_CREATE_ENGINE)
    await connection.execute("SET LOCAL search_path = readmodels, eventstore")
    versions = {row["name"]: row["version"] for row in await connection.fetch("SELECT name, version FROM read_models")}
    made = [model for model in read_models if versions.get(model.name) != model.version]
    for model in made:
        await _make(connection, model)
    await connection.execute(f"GRANT USAGE ON SCHEMA readmodels TO {SERVICE_ROLE}")
    await connection.execute(
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA readmodels TO {SERVICE_ROLE}"
    )
    return [model.name for model in made]


async def _make(connection: asyncpg.Connection, model: ReadModel) -> None:
    for table in model.tables:
        await connection.execute(f"DROP TABLE IF EXISTS {table} CASCADE")
    await connection.execute("DELETE FROM checkpoints WHERE read_model = $1", model.name)
    await connection.execute("DELETE FROM poisoned WHERE read_model = $1", model.name)
    await connection.execute(model.definition)
    await connection.execute(
        "INSERT INTO read_models (name, kind, version) VALUES ($1, $2, $3)"
        " ON CONFLICT (name) DO UPDATE SET version = excluded.version, kind = excluded.kind",
        model.name,
        model.kind,
        model.version,
    )
