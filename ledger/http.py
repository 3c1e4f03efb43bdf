"""The routes that change books, categories and entries."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from aiohttp import web
from marshmallow import Schema, ValidationError

from eventstore.codec import Metadata
from ledger import commands, schemas
from ledger.answers import answer, matches
from ledger.book import Category
from ledger.commands import CategoryCheck, EntryCheck, Ledger, Placed
from ledger.errors import (
    BookChanged,
    BookNotFound,
    CategoryChanged,
    CategoryNotFound,
    EntryChanged,
    EntryNotFound,
    LedgerError,
)
from ledger.starter import LANGUAGES
from ledger.views import view_of_category, view_of_entry

LEDGER: Final = web.AppKey("ledger", Ledger)
TIME_ZONE: Final = web.AppKey("time_zone", ZoneInfo)
METADATA: Final = web.RequestKey("metadata", Metadata)

Clock = Callable[[], datetime]
CLOCK: Final[web.AppKey[Clock]] = web.AppKey("clock")
ReadBook = Callable[[UUID | None, UUID], Awaitable[dict[str, Any]]]
READ_BOOK: Final[web.AppKey[ReadBook]] = web.AppKey("read_book")

_OPEN_BOOK = schemas.OpenBook()
_AMEND_BOOK = schemas.AmendBook()
_ADD_CATEGORY = schemas.AddCategory()
_RENAME_CATEGORY = schemas.RenameCategory()
_RECORD_ENTRY = schemas.RecordEntry()
_AMEND_ENTRY = schemas.AmendEntry()
_DUPLICATE_ENTRY = schemas.DuplicateEntry()
_NOTHING = schemas.Nothing()


def routes() -> list[web.RouteDef]:
    # The order is that of the traffic: the router tries them one by one.
    entry = "/books/{book}/entries/{entry}"
    category = "/books/{book}/categories/{category}"
    return [
        web.post("/books/{book}/entries", record_entry),
        web.patch(entry, amend_entry),
        web.delete(entry, delete_entry),
        web.post(f"{entry}/restore", restore_entry),
        web.post(f"{entry}/duplicate", duplicate_entry),
        web.post("/books", open_book),
        web.patch("/books/{book}", amend_book),
        web.delete("/books/{book}", delete_book),
        web.post("/books/{book}/restore", restore_book),
        web.post("/books/{book}/categories", add_category),
        web.patch(category, rename_category),
        web.delete(category, delete_category),
        web.post(f"{category}/restore", restore_category),
    ]


async def record_entry(request: web.Request) -> web.Response:
    body = await _body(request, _RECORD_ENTRY)
    body["occurred_on"] = body["occurred_on"] or today(request)
    placed = await commands.record_entry(request.app[LEDGER], request[METADATA], book_id(request), **body)
    return _created(request, placed)


async def amend_entry(request: web.Request) -> web.Response:
    changes = await _body(request, _AMEND_ENTRY)
    placed = await commands.amend_entry(*_entry_target(request), changes, _if_match(request))
    return answer(request, view_of_entry(placed))


async def delete_entry(request: web.Request) -> web.Response:
    await commands.delete_entry(*_entry_target(request), _if_match(request))
    return web.Response(status=204)


async def restore_entry(request: web.Request) -> web.Response:
    await _body(request, _NOTHING)
    placed = await commands.restore_entry(*_entry_target(request), _if_match(request))
    return answer(request, view_of_entry(placed))


async def duplicate_entry(request: web.Request) -> web.Response:
    body = await _body(request, _DUPLICATE_ENTRY)
    placed = await commands.duplicate_entry(*_entry_target(request), body["occurred_on"], _if_match(request))
    return _created(request, placed)


async def open_book(request: web.Request) -> web.Response:
    body = await _body(request, _OPEN_BOOK)
    book = await commands.open_book(
        request.app[LEDGER], request[METADATA], **body, language=preferred_language(request)
    )
    return answer(request, await _read_book(request, book.id), status=201, location=f"/books/{book.id}")


async def amend_book(request: web.Request) -> web.Response:
    body = await _body(request, _AMEND_BOOK)
    book = await commands.amend_book(*_book_target(request), **body, version=await _expected_version(request))
    return answer(request, await _read_book(request, book.id))


async def delete_book(request: web.Request) -> web.Response:
    await commands.delete_book(*_book_target(request), await _expected_version(request))
    return web.Response(status=204)


async def restore_book(request: web.Request) -> web.Response:
    await _body(request, _NOTHING)
    book = await commands.restore_book(*_book_target(request), await _expected_version(request))
    return answer(request, await _read_book(request, book.id))


async def add_category(request: web.Request) -> web.Response:
    body = await _body(request, _ADD_CATEGORY)
    book = book_id(request)
    category = await commands.add_category(request.app[LEDGER], request[METADATA], book, **body)
    location = f"/books/{book}/categories/{category.category_id}"
    return answer(request, view_of_category(category), status=201, location=location)


async def rename_category(request: web.Request) -> web.Response:
    body = await _body(request, _RENAME_CATEGORY)
    check = _category_if_match(request)
    category = await commands.rename_category(*_category_target(request), **body, check=check)
    return answer(request, view_of_category(category))


async def delete_category(request: web.Request) -> web.Response:
    await commands.delete_category(*_category_target(request), _category_if_match(request))
    return web.Response(status=204)


async def restore_category(request: web.Request) -> web.Response:
    await _body(request, _NOTHING)
    category = await commands.restore_category(*_category_target(request), _category_if_match(request))
    return answer(request, view_of_category(category))


def book_id(request: web.Request) -> UUID:
    """The book in the path. Raises: BookNotFound."""
    return _id(request, "book", BookNotFound)


def today(request: web.Request) -> date:
    """The day in the client's Time-Zone header, or in the service's time zone.

    Raises: ValidationError.
    """
    name = request.headers.get("Time-Zone")
    try:
        zone = ZoneInfo(name) if name else request.app[TIME_ZONE]
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValidationError("Time-Zone is an IANA name such as Asia/Seoul.", "Time-Zone") from None
    return request.app[CLOCK]().astimezone(zone).date()


def preferred_language(request: web.Request) -> str:
    """The first language of Accept-Language that we speak, by quality; Korean without one."""
    ranked = []
    for place, item in enumerate(request.headers.get("Accept-Language", "").split(",")):
        tag, _, quality = item.replace(" ", "").lower().partition(";q=")
        try:
            weight = float(quality or 1)
        except ValueError:
            weight = 0.0
        if weight > 0:
            ranked.append((-weight, place, tag.partition("-")[0]))
    return next((language for _, _, language in sorted(ranked) if language in LANGUAGES), LANGUAGES[0])


async def _body(request: web.Request, schema: Schema) -> dict[str, Any]:
    """Read and validate a JSON body; none at all counts as an empty object.

    Raises: ValidationError, JSONDecodeError.
    """
    content = await request.read()
    loaded: dict[str, Any] = schema.load(orjson.loads(content) if content else {})
    return loaded


def _id(request: web.Request, name: str, not_found: type[LedgerError]) -> UUID:
    """An id in the path; what is no UUID names nothing that exists."""
    try:
        return UUID(request.match_info[name])
    except ValueError:
        raise not_found from None


def _book_target(request: web.Request) -> tuple[Ledger, Metadata, UUID]:
    return request.app[LEDGER], request[METADATA], book_id(request)


def _entry_target(request: web.Request) -> tuple[Ledger, Metadata, UUID, UUID]:
    return request.app[LEDGER], request[METADATA], book_id(request), _id(request, "entry", EntryNotFound)


def _category_target(request: web.Request) -> tuple[Ledger, Metadata, UUID, UUID]:
    return request.app[LEDGER], request[METADATA], book_id(request), _id(request, "category", CategoryNotFound)


def _if_match(request: web.Request) -> EntryCheck:
    def check(placed: Placed) -> None:
        if not matches(request, view_of_entry(placed)):
            raise EntryChanged

    return check


def _category_if_match(request: web.Request) -> CategoryCheck:
    def check(category: Category) -> None:
        if not matches(request, view_of_category(category)):
            raise CategoryChanged

    return check


async def _expected_version(request: web.Request) -> int | None:
    """The version of the book that If-Match names by its ETag; None: any will do.

    The ETag also covers sums, which move with every entry: they are compared here, once, while the version is
    compared again with the append. An entry recorded in between changes nothing that this request would overwrite.
    Raises: BookNotFound, BookChanged.
    """
    if request.if_match is None or any(tag.value == "*" for tag in request.if_match):
        return None
    view = await _read_book(request, book_id(request))
    if not matches(request, view):
        raise BookChanged
    version: int = view["version"]
    return version


def _created(request: web.Request, placed: Placed) -> web.Response:
    location = f"/books/{placed.book.id}/entries/{placed.entry.id}"
    return answer(request, view_of_entry(placed), status=201, location=location)


async def _read_book(request: web.Request, book: UUID) -> dict[str, Any]:
    return await request.app[READ_BOOK](request[METADATA].actor, book)
