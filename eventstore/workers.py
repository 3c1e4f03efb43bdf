"""Workers: processes that serve behind one port, each started again where it ends by itself."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import click
import structlog

from eventstore.processes import start_child, stop_child
from eventstore.settings import Settings, http_address, master_key_of

RESTART_SECONDS: Final = 0.5

_log = structlog.get_logger("service")


async def supervise(settings: Settings, dsn: str, stop: asyncio.Event) -> None:
    """Keep the workers running until told to stop; once all of them serve, say so."""
    with _reserved_port(settings) as port:
        waiting_for = set(range(settings.workers))

        def note_ready(number: int) -> None:
            if number in waiting_for:
                waiting_for.remove(number)
                if not waiting_for:
                    say_ready(settings, port)

        workers = [
            asyncio.create_task(_keep(number, _environment(settings, dsn, port, number), partial(note_ready, number)))
            for number in range(settings.workers)
        ]
        try:
            await stop.wait()
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


def say_ready(settings: Settings, port: int) -> None:
    click.echo(f"ready on {http_address(settings.host, port)}")
    place = "the database that GAGYEBU_DATABASE_URL names" if settings.database_url else settings.data_dir
    click.echo(f"data in {place}; stop with Ctrl-C or SIGTERM")


def _environment(settings: Settings, dsn: str, port: int, number: int) -> dict[str, str]:
    """What the settings of a worker are; one of them all is the projector."""
    return {
        "GAGYEBU_HOST": settings.host,
        "GAGYEBU_PORT": str(port),
        "GAGYEBU_WORKERS": "1",
        "GAGYEBU_DATA_DIR": str(settings.data_dir),
        "GAGYEBU_DATABASE_URL": dsn,
        "GAGYEBU_MASTER_KEY": master_key_of(settings).text,
        "GAGYEBU_PROJECTOR": str(settings.projector and number == 0),
    }


async def _keep(number: int, environment: dict[str, str], on_ready: Callable[[], None]) -> None:
    while True:
        process = await start_child("serve", "--reuse-port", environment=environment, stdout=asyncio.subprocess.PIPE)
        try:
            if process.stdout and await process.stdout.readline():
                on_ready()
            code = await process.wait()
            _log.error("a worker ended by itself, starting another", worker=number, exit_code=code)
            await asyncio.sleep(RESTART_SECONDS)
        finally:
            await stop_child(process)


@contextlib.contextmanager
def _reserved_port(settings: Settings) -> Iterator[int]:
    """Hold the port that the workers share, so that port 0 picks one for all."""
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((settings.host, settings.port))
        yield held.getsockname()[1]
