"""Projecting, and sending what the outbox holds: within a service, or alone."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import click

from auth.opening import open_delivery
from eventstore.collector import spare_collector
from eventstore.processes import running, stop_event
from eventstore.settings import Settings, master_key_of
from projections.opening import Storage, open_storage
from projections.outbox import Outbox
from projections.projector import Projector


@asynccontextmanager
async def projecting(
    settings: Settings, storage: Storage, projector: Projector, clock: Callable[[], datetime]
) -> AsyncIterator[None]:
    """Keep what is read up, and send mail and texts, for as long as the context lasts. Raises: click.UsageError."""
    async with (
        running(projector.run(storage.dsn)),
        open_delivery(settings, storage.store, storage.master_key, clock) as delivery,
        running(Outbox(storage.engine, delivery.deliver).run(storage.dsn)),
    ):
        yield


async def project(settings: Settings, clock: Callable[[], datetime]) -> None:
    """Do that alone until SIGTERM or SIGINT."""
    stop, master_key = stop_event(), master_key_of(settings)
    async with open_storage(settings.database_url, master_key, settings.pool_size_max) as storage:
        await storage.engine.retry_stopped()
        async with projecting(settings, storage, Projector(storage.engine), clock):
            spare_collector()
            click.echo("projecting")
            await stop.wait()
