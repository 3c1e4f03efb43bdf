"""Migrations of the schema: numbered SQL files, forward only, each applied once, in order."""

from importlib.resources import files
from uuid import UUID

import asyncpg

from eventstore.database import AnyConnection
from eventstore.errors import SchemaOutdated
from eventstore.sql import statement

# One lock for every process that migrates this database; the number only has to be ours.
_LOCK_ID = 0x6761_6779_6562_75

_APPLIED = statement(__package__, "applied_migrations")
_DESTROY_KEYS_BROUGHT_BACK = statement(__package__, "destroy_keys_brought_back")


def migrations() -> dict[str, str]:
    """Read every migration: {name: SQL}, oldest first."""
    folder = files(__package__) / "migrations"
    scripts = [file for file in folder.iterdir() if file.name.endswith(".sql")]
    return {file.name.removesuffix(".sql"): file.read_text("utf-8") for file in sorted(scripts, key=str)}


async def migrate(connection: asyncpg.Connection) -> list[str]:
    """Bring the schema up to date, safe when many processes do so at once.

    Returns: the names of the migrations applied now.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK_ID)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS gagyebu_migrations"
            " (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        missing = await missing_migrations(connection)
        for name in missing:
            await connection.execute(migrations()[name])
            await connection.execute("INSERT INTO gagyebu_migrations (name) VALUES ($1)", name)
        await connection.execute("GRANT SELECT ON gagyebu_migrations TO gagyebu_service")
    return missing


async def destroy_keys_brought_back(connection: AnyConnection) -> list[UUID]:
    """Destroy the data keys of erased journals that came back from a backup. Returns: those journals."""
    return [row["journal_id"] for row in await connection.fetch(_DESTROY_KEYS_BROUGHT_BACK)]


async def missing_migrations(connection: AnyConnection) -> list[str]:
    """List the migrations that this database has not had, oldest first."""
    applied = {row["name"] for row in await connection.fetch(_APPLIED)}
    return [name for name in migrations() if name not in applied]


async def require_migrated(connection: AnyConnection) -> None:
    """Raises SchemaOutdated where a migration is missing."""
    try:
        missing = await missing_migrations(connection)
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        missing = list(migrations())
    if missing:
        raise SchemaOutdated(missing)
