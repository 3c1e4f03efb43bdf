"""The routes that import files, and take imports back."""

import asyncio
import hashlib
from tempfile import SpooledTemporaryFile
from typing import IO, Final

from aiohttp import web

from ledger import schemas
from ledger.answers import answer
from ledger.batch import Row
from ledger.commands import imports as commands
from ledger.commands.spool import MEMORY_BYTES_MAX, Spool, spooled
from ledger.errors import BatchNotFound, InvalidFile, LineError
from ledger.http.books import if_match_of
from ledger.http.requests import LEDGER, METADATA, body_of, book_id, id_in_path, keyed, operation_of, query_of
from ledger.imports.form import Form, form_of
from ledger.imports.rows import read_rows

UPLOAD_BYTES_MAX: Final = 64 * 1024**2
ERRORS_SHOWN_MAX: Final = 100
STEPS_MAX: Final = 32
"""Lines read without a pause: some 0.2 ms, for whoever waits for the event loop waits for several turns."""

_PATH: Final = "/books/{book}/imports"
UPLOADS: Final = {_PATH: frozenset({"text/csv", "application/x-ndjson", "text/plain", "application/octet-stream"})}
"""The paths that take files, and of which types."""
_NOTHING: Final = schemas.Nothing()


def routes() -> list[web.RouteDef]:
    return [
        web.post(_PATH, import_entries),
        web.post("/books/{book}/batches/{batch}/revert", revert_batch),
    ]


async def import_entries(request: web.Request) -> web.Response:
    form, dry_run = form_of(query_of(request), request.content_type, request.charset)
    ledger, book = request.app[LEDGER], book_id(request)
    currency = await commands.currency_of(ledger, request[METADATA], book)
    with SpooledTemporaryFile(MEMORY_BYTES_MAX) as file, spooled(Row) as rows:
        metadata = keyed(request, await _receive(request, file))
        async with ledger.files:
            await _read(file, form, currency, rows)
            made = await commands.import_rows(ledger, metadata, book, rows, form.format, dry_run=dry_run)
    view = {"batch_id": made.batch_id, "created": made.created, "duplicates": made.duplicates}
    return answer(request, view, status=201 if made.batch_id else 200, replayed=made.replayed)


async def revert_batch(request: web.Request) -> web.Response:
    await body_of(request, _NOTHING)
    metadata, batch = await operation_of(request), id_in_path(request, "batch", BatchNotFound)
    ledger = request.app[LEDGER]
    async with ledger.files:
        made = await commands.revert_batch(ledger, metadata, book_id(request), batch, if_match_of(request))
    return answer(request, {"batch_id": made.batch_id, "deleted": made.deleted}, replayed=made.replayed)


async def _receive(request: web.Request, file: IO[bytes]) -> bytes:
    """Put the body into a file, as slowly as it comes. Returns: its digest. Raises: HTTPRequestEntityTooLarge."""
    digest, size = hashlib.blake2b(), 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
        if size > UPLOAD_BYTES_MAX:
            raise web.HTTPRequestEntityTooLarge(UPLOAD_BYTES_MAX, size)
        digest.update(chunk)
        file.write(chunk)
    return digest.digest()


async def _read(file: IO[bytes], form: Form, currency: str, rows: Spool[Row]) -> None:
    """Read the entries of a file; between some lines others get their turn.

    Raises: InvalidFile, with the first of the errors, where there is any.
    """
    errors: list[LineError] = []
    for step, found in enumerate(read_rows(file, form, currency)):
        if isinstance(found, LineError):
            errors.append(found)
            del errors[ERRORS_SHOWN_MAX:]
        elif found is not None and not errors:
            rows.add(found)
        if step % STEPS_MAX == 0:
            await asyncio.sleep(0)
    if errors:
        raise InvalidFile(errors)
