"""The routes that change entries, and transfers between books."""

from typing import Final

from aiohttp import web

from eventstore.codec import Metadata
from ledger import schemas
from ledger.answers import answer, require_match
from ledger.commands import entries as commands
from ledger.commands import transfers
from ledger.commands.deciding import Placed
from ledger.commands.entries import Target
from ledger.errors import EntryChanged, EntryNotFound
from ledger.http.requests import LEDGER, METADATA, body_of, book_id, id_in_path, operation_of, today
from ledger.views import view_of_entry

_RECORD_ENTRY: Final = schemas.RecordEntry()
_AMEND_ENTRY: Final = schemas.AmendEntry()
_DUPLICATE_ENTRY: Final = schemas.DuplicateEntry()
_REVERT_ENTRY: Final = schemas.RevertEntry()
_TRANSFER: Final = schemas.Transfer()
_NOTHING: Final = schemas.Nothing()


def routes() -> list[web.RouteDef]:
    # The order is that of the traffic: the router tries them one by one.
    entry = "/books/{book}/entries/{entry}"
    return [
        web.post("/books/{book}/entries", record_entry),
        web.patch(entry, amend_entry),
        web.delete(entry, delete_entry),
        web.post(f"{entry}/restore", restore_entry),
        web.post(f"{entry}/duplicate", duplicate_entry),
        web.post(f"{entry}/revert", revert_entry),
        web.post("/transfers", transfer),
    ]


async def record_entry(request: web.Request) -> web.Response:
    body, metadata = await body_of(request, _RECORD_ENTRY), await operation_of(request)
    body["occurred_on"] = body["occurred_on"] or today(request)
    return _created(request, await commands.record_entry(request.app[LEDGER], metadata, book_id(request), **body))


async def amend_entry(request: web.Request) -> web.Response:
    changes = await body_of(request, _AMEND_ENTRY)
    target = target_of(request, request[METADATA])
    return _answer(request, await commands.amend_entry(request.app[LEDGER], target, changes))


async def delete_entry(request: web.Request) -> web.Response:
    await body_of(request, _NOTHING)
    await commands.delete_entry(request.app[LEDGER], target_of(request, request[METADATA]))
    return web.Response(status=204)


async def restore_entry(request: web.Request) -> web.Response:
    await body_of(request, _NOTHING)
    target = target_of(request, await operation_of(request))
    return _answer(request, await commands.restore_entry(request.app[LEDGER], target))


async def duplicate_entry(request: web.Request) -> web.Response:
    body = await body_of(request, _DUPLICATE_ENTRY)
    target = target_of(request, await operation_of(request))
    return _created(request, await commands.duplicate_entry(request.app[LEDGER], target, **body))


async def revert_entry(request: web.Request) -> web.Response:
    body = await body_of(request, _REVERT_ENTRY)
    target = target_of(request, await operation_of(request))
    return _answer(request, await commands.revert_entry(request.app[LEDGER], target, **body))


async def transfer(request: web.Request) -> web.Response:
    body, metadata = await body_of(request, _TRANSFER), await operation_of(request)
    amounts = transfers.Amounts(body["amount"], body["to_amount"])
    books = (body["from_book"], body["to_book"])
    day = body["occurred_on"] or today(request)
    made = await transfers.transfer(request.app[LEDGER], metadata, *books, amounts, day, body["memo"])
    view = {
        "transfer_id": made.transfer_id,
        "from": view_of_entry(made.source),
        "to": view_of_entry(made.target),
    }
    return answer(request, view, status=201, replayed=made.source.replayed)


def target_of(request: web.Request, metadata: Metadata) -> Target:
    """The entry in the path, as If-Match names it."""

    def check(placed: Placed) -> None:
        require_match(request, view_of_entry(placed), EntryChanged, placed.entry.version)

    return Target(metadata, book_id(request), id_in_path(request, "entry", EntryNotFound), check)


def _answer(request: web.Request, placed: Placed) -> web.Response:
    return answer(request, view_of_entry(placed), replayed=placed.replayed)


def _created(request: web.Request, placed: Placed) -> web.Response:
    location = f"/books/{placed.book.id}/entries/{placed.entry.id}"
    return answer(request, view_of_entry(placed), status=201, location=location, replayed=placed.replayed)
