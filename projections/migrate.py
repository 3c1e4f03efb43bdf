"""Bringing a database up to this version of the code: its schema, and what is read."""

from collections.abc import Sequence

import asyncpg
import structlog

from eventstore.errors import SchemaOutdated
from eventstore.migrate import destroy_keys_brought_back, migrate
from eventstore.settings import Settings
from projections.administration import administering
from projections.engine import ReadModel
from projections.read_models import READ_MODELS
from projections.rebuild import NewVersionStops, Progress, rebuild
from projections.schema import create_read_models, find_outdated

_log = structlog.get_logger("service")


async def migrate_database(dsn: str, settings: Settings | None = None) -> list[str]:
    """Bring schema and read models up to date, safe when many do so at once.

    Read models of another code version are rebuilt beside what is read, for which the settings are needed.
    Returns: what was done. Raises: StoreError.
    """
    done, outdated = await migrate_schema(dsn)
    if outdated:
        if settings is None:
            raise SchemaOutdated([model.name for model in outdated])
        await _rebuild_outdated(settings, dsn, outdated)
    return done + [model.name for model in outdated]


async def migrate_schema(dsn: str) -> tuple[list[str], list[ReadModel]]:
    """Bring the schema up to date. Returns: what was done, and the read models of another code version."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            done = await migrate(connection)
            erased = await destroy_keys_brought_back(connection)
            done += await create_read_models(connection, READ_MODELS, erased)
            done += [f"{len(erased)} keys of erased journals destroyed again"] if erased else []
        return done, await find_outdated(connection, READ_MODELS)
    finally:
        await connection.close()


async def _rebuild_outdated(settings: Settings, dsn: str, outdated: Sequence[ReadModel]) -> None:
    async with administering(settings, dsn) as admin:
        for model in outdated:
            report = await rebuild(admin.rebuilding(None, _log_progress), model, wait=True)
            if not report["swapped"]:
                raise NewVersionStops(model.name)


def _log_progress(progress: Progress) -> None:
    if progress.state != "filling" or progress.done == progress.total:
        _log.info("rebuilding", read_model=progress.name, state=progress.state)
