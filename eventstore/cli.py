"""The commands of the command line on journals: out into an archive, and back from one."""

import io
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import IO, Final, cast
from uuid import UUID

import asyncpg
import click
from backports import zstd
from rich.console import Console
from rich.progress import Progress

from eventstore.archive import Count, export
from eventstore.database import Database
from eventstore.errors import ArchiveInvalid
from eventstore.files import private_file
from eventstore.keys import Keyring
from eventstore.processes import run
from eventstore.restore import restore
from eventstore.settings import Settings

LINE_BYTES_MAX: Final = 16 * 1024**2
SHOWN_LINES: Final = 1_000
"""Read between two looks at how far the file is."""
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"

OpenDatabase = Callable[[Settings], AbstractAsyncContextManager[Database]]
OpenOwner = Callable[[Settings], AbstractAsyncContextManager[tuple[asyncpg.Connection, Keyring]]]
"""Migrates the database, and opens a connection of its owner, with the keyring of the master key."""


def journal_group(open_database: OpenDatabase, open_owner: OpenOwner) -> click.Group:
    """Make `gagyebu journal`."""
    group = click.Group("journal", help="Journals as files: archive them, and build a database from an archive.")
    _add_export(group, open_database)
    _add_import(group, open_owner)
    return group


def _add_export(group: click.Group, open_database: OpenDatabase) -> None:
    @group.command("export")
    @click.option("--book", "journal_id", type=click.UUID, help="Only the journal of this book (or user).")
    @click.option("--all", "every", is_flag=True, help="Every journal: books, users, signing keys.")
    @click.option(
        "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="A file instead of standard output."
    )
    @click.option("--zstd", "compress", is_flag=True, help="Compress with Zstandard.")
    @click.option("--with-keys", is_flag=True, help="With data keys, so that sealed text can be read again.")
    @click.pass_obj
    def export_command(
        settings: Settings, journal_id: UUID | None, every: bool, output: Path | None, compress: bool, with_keys: bool
    ) -> None:
        """Write events as lines of JSON, as they were at one moment, while the service goes on.

        Sealed text (names, memos, tags) stays sealed. With --with-keys the journals' data keys travel too, wrapped by
        the master key: who has both reads everything, and a database that imports them needs the same
        GAGYEBU_MASTER_KEY. Without them the text is gone for whoever imports the file, as if it were erased.
        """
        if every == (journal_id is not None):
            raise click.UsageError("Say either --book ID or --all.")

        async def work() -> Count:
            async with open_database(settings) as database:
                with _written(output, compress=compress) as file, _progress("exporting") as progress:
                    return await _export(database, journal_id, file, progress, with_keys=with_keys)

        click.echo("exported {0.journals} journals, {0.events} events".format(run(work())), err=True)


def _add_import(group: click.Group, open_owner: OpenOwner) -> None:
    @group.command("import")
    @click.argument("file", type=click.File("rb"))
    @click.pass_obj
    def import_command(settings: Settings, file: IO[bytes]) -> None:
        """Build an empty database from an exported FILE (- is standard input), all or nothing.

        Zstandard is recognised. Every line is checked; what is wrong is told by its number. Afterwards an export gives
        the same lines again. The database must be one that no service was started on yet; it is migrated first.
        Where the file has data keys, GAGYEBU_MASTER_KEY (embedded: master.key in the data directory) must be the one of
        the database that it came from.
        """

        async def work() -> Count:
            async with open_owner(settings) as (connection, keyring):
                with _progress("importing") as progress:
                    return await restore(connection, keyring, _lines(file, progress))

        click.echo("imported {0.journals} journals, {0.events} events".format(run(work())))


async def _export(
    database: Database, journal_id: UUID | None, file: IO[bytes], progress: Progress, *, with_keys: bool
) -> Count:
    (task,) = progress.task_ids
    counts: list[Count] = []

    def begin(count: Count) -> None:
        counts.append(count)
        progress.update(task, total=count.events)

    def advance(events: int) -> None:
        progress.advance(task, events)

    async for line in export(database, journal_id, with_keys=with_keys, begin=begin, advance=advance):
        file.write(line + b"\n")
    return counts[0]


@contextmanager
def _progress(label: str) -> Iterator[Progress]:
    """A bar in a terminal, silence elsewhere; with one task."""
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        progress.add_task(label, total=None)
        yield progress


@contextmanager
def _written(path: Path | None, *, compress: bool) -> Iterator[IO[bytes]]:
    """Yields: where to write. A file is there whole, and for its owner alone, or not at all."""
    with private_file(path) if path else _standard_output() as file:
        if not compress:
            yield file
            return
        with zstd.ZstdFile(file, "w") as compressed:
            yield cast(IO[bytes], compressed)


@contextmanager
def _standard_output() -> Iterator[IO[bytes]]:
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


def _lines(file: IO[bytes], progress: Progress) -> Iterator[bytes]:
    """Read line by line, compressed or not. Raises: ArchiveInvalid where it cannot be decompressed."""
    (task,) = progress.task_ids
    source = io.BufferedReader(cast(io.RawIOBase, file))
    kind = os.fstat(file.fileno())
    if stat.S_ISREG(kind.st_mode):
        progress.update(task, total=kind.st_size)
    plain = cast(IO[bytes], zstd.ZstdFile(source) if source.peek(4).startswith(_ZSTD_MAGIC) else source)
    number = 0
    try:
        while line := plain.readline(LINE_BYTES_MAX):
            number += 1
            yield line
            if progress.tasks[0].total and number % SHOWN_LINES == 0:
                progress.update(task, completed=source.tell())
    except (zstd.ZstdError, EOFError) as error:
        raise ArchiveInvalid(number + 1, f"it cannot be decompressed: {error}") from error
