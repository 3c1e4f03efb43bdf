"""Exports: a whole book, as it stood at one moment, written into a temporary file and sent from there.

The database is read at its own speed and let go; a client may then take its time.
"""

import asyncio
import tempfile
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from typing import IO, Any, Final
from uuid import UUID

import asyncpg
from asyncpg.cursor import Cursor

from eventstore.database import Transaction
from eventstore.sql import statement
from ledger.errors import TooBusy
from ledger.exports import EntryView, Export, Head
from ledger.exports.beancount import BeancountExport
from ledger.exports.csv import CsvExport
from ledger.exports.hledger import HledgerExport
from ledger.exports.ndjson import NdjsonExport
from ledger.money import format_amount
from ledger.views import DIRECTIONS, KINDS_SHOWN, transfer_view
from projections.engine import Engine
from projections.moments import Moment
from projections.past_books import PastBook, read_past
from projections.reading import head_of

_GET_HEAD = statement(__package__, "get_export_head")
_EXPORT = statement(__package__, "export_entries")
_EXPORT_AT = statement(__package__, "export_entries_at")
_GET_FIRST_DAY = statement(__package__, "get_first_day_at")

FORMATS: Final[dict[str, type[Export]]] = {
    "csv": CsvExport,
    "ndjson": NdjsonExport,
    "hledger": HledgerExport,
    "beancount": BeancountExport,
}
READERS_MAX: Final = 2
"""Exports that read the database at once, each on a connection of its own."""
FILES_MAX: Final = 50
"""Exports under way at once; each takes some 30 MB of disk per 100,000 entries until its client has it."""
WAIT_SECONDS_MAX: Final = 10
ROWS_MAX: Final = 100
"""Turned into text at a stretch, which takes a millisecond or two; then it is others' turn."""
MEMORY_BYTES_MAX: Final = 1024**2
"""What a file may take of memory before it goes to disk."""
CHUNK_BYTES: Final = 64 * 1024


class ExportFile:
    """A finished export, to be sent once; once sent, or forgotten by whoever had it, it makes room for another."""

    def __init__(self, book_name: str, content: IO[bytes], close: Callable[[IO[bytes]], None]) -> None:
        self.book_name = book_name
        self.size_bytes = content.tell()
        self._content = content
        self._close = weakref.finalize(self, close, content)  # nobody tells a body that is never begun

    async def chunks(self) -> AsyncIterator[bytes]:
        self._content.seek(0)
        try:
            while chunk := await asyncio.to_thread(self._content.read, CHUNK_BYTES):
                yield chunk
        finally:
            self._close()


class Exports:
    """The exports of a process, within bounds."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._readers = asyncio.Semaphore(READERS_MAX)
        self._files = 0

    async def export(
        self,
        user_id: UUID | None,
        book_id: UUID,
        export_type: type[Export],
        moment: Moment | None = None,
        *,
        transfers: bool,
    ) -> ExportFile:
        """Write a book's live entries, now or at a moment, into a file, oldest day first.

        Raises: BookNotFound, TooBusy.
        """
        if moment is None:
            head_of(await self._engine.fetch_fresh(_GET_HEAD, user_id, book_id))
            past = None
        else:
            past = await read_past(self._engine, user_id, book_id, moment)
        content = self._open()
        try:
            async with self._turn(), self._engine.snapshot() as snapshot:
                if past is None:
                    head = _head(head_of(await snapshot.fetch(_GET_HEAD, user_id, book_id)))
                    cursor = await snapshot.cursor(_EXPORT, book_id, transfers)
                else:
                    head = await _head_at(snapshot, past)
                    cursor = await _cursor_at(snapshot, past, transfers=transfers)
                await _write(cursor, content, export_type(head), head.currency)
        except BaseException:
            self._close(content)
            raise
        return ExportFile(head.name, content, self._close)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Raises: TooBusy."""
        try:
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                await self._readers.acquire()
        except TimeoutError:
            raise TooBusy from None
        try:
            yield
        finally:
            self._readers.release()

    def _open(self) -> IO[bytes]:
        """Raises: TooBusy."""
        if self._files == FILES_MAX:
            raise TooBusy
        self._files += 1
        return tempfile.SpooledTemporaryFile(MEMORY_BYTES_MAX)

    def _close(self, content: IO[bytes]) -> None:
        content.close()
        self._files -= 1


async def _write(cursor: "Cursor[asyncpg.Record]", content: IO[bytes], export: Export, currency: str) -> None:
    content.write(export.begin())
    while rows := await cursor.fetch(ROWS_MAX):
        await asyncio.to_thread(content.write, export.write([_view(row, currency) for row in rows]))


async def _cursor_at(snapshot: Transaction, past: PastBook, *, transfers: bool) -> "Cursor[asyncpg.Record]":
    ids, names = [row.category_id for row in past.categories], [row.name for row in past.categories]
    return await snapshot.cursor(_EXPORT_AT, past.id, transfers, past.position, ids, names)


async def _head_at(snapshot: Transaction, past: PastBook) -> Head:
    first_day = await snapshot.fetchval(_GET_FIRST_DAY, past.id, past.position)
    return _head({**vars(past.book), "first_day": first_day})


def _head(row: Any) -> Head:
    opened_on: date = row["created_at"].date()
    return Head(
        row["name"] or "",
        row["currency"],
        format_amount(int(row["opening_balance_minor"]), row["currency"]),
        min(opened_on, row["first_day"] or opened_on),
    )


def _view(row: asyncpg.Record, currency: str) -> EntryView:
    return {
        "id": row["entry_id"],
        "kind": KINDS_SHOWN[row["kind"]],
        "amount": format_amount(row["amount_minor"], currency),
        "currency": currency,
        "occurred_on": row["occurred_on"],
        "category": row["category_name"] and {"name": row["category_name"]},
        "memo": row["memo"],
        "tags": row["tags"],
        "created_by": row["created_by"],
        "created_at": row["created_at"],
        "transfer": _transfer(row),
    }


def _transfer(row: asyncpg.Record) -> dict[str, Any] | None:
    if row["kind"] not in DIRECTIONS:
        return None
    return transfer_view(row["transfer_id"], row["kind"], row["other_book_id"], row["other_entry_id"])
