"""The routes that change books, their categories and their closed periods."""

from typing import Final
from uuid import UUID

from aiohttp import web

from eventstore.codec import Metadata
from ledger import schemas
from ledger.answers import answer, require_match
from ledger.book import Book, Category
from ledger.commands import books as commands
from ledger.commands.books import CategoryCheck
from ledger.commands.deciding import Ledger, Settled
from ledger.errors import BookChanged, CategoryChanged, CategoryNotFound
from ledger.http.requests import (
    LEDGER,
    METADATA,
    READS,
    View,
    body_of,
    book_id,
    id_in_path,
    operation_of,
    preferred_language,
    read_book,
)
from ledger.views import view_of_category

_OPEN_BOOK: Final = schemas.OpenBook()
_AMEND_BOOK: Final = schemas.AmendBook()
_ADD_CATEGORY: Final = schemas.AddCategory()
_RENAME_CATEGORY: Final = schemas.RenameCategory()
_CLOSE_PERIOD: Final = schemas.ClosePeriod()
_REOPEN_PERIOD: Final = schemas.ReopenPeriod()
_NOTHING: Final = schemas.Nothing()


def routes() -> list[web.RouteDef]:
    category = "/books/{book}/categories/{category}"
    return [
        web.post("/books", open_book),
        web.patch("/books/{book}", amend_book),
        web.delete("/books/{book}", delete_book),
        web.post("/books/{book}/restore", restore_book),
        web.post("/books/{book}/categories", add_category),
        web.patch(category, rename_category),
        web.delete(category, delete_category),
        web.post(f"{category}/restore", restore_category),
        web.post("/books/{book}/closings", close_period),
        web.delete("/books/{book}/closings/latest", reopen_period),
    ]


async def open_book(request: web.Request) -> web.Response:
    body, metadata = await body_of(request, _OPEN_BOOK), await operation_of(request)
    settled = await commands.open_book(request.app[LEDGER], metadata, **body, language=preferred_language(request))
    return await _answer_book(request, settled, status=201, location=f"/books/{settled.book.id}")


async def amend_book(request: web.Request) -> web.Response:
    body = await body_of(request, _AMEND_BOOK)
    settled = await commands.amend_book(*_target(request), **body, version=await expected_version(request))
    return await _answer_book(request, settled)


async def delete_book(request: web.Request) -> web.Response:
    await commands.delete_book(*_target(request), await expected_version(request))
    return web.Response(status=204)


async def restore_book(request: web.Request) -> web.Response:
    await body_of(request, _NOTHING)
    target = await _operation_target(request)
    return await _answer_book(request, await commands.restore_book(*target, await expected_version(request)))


async def add_category(request: web.Request) -> web.Response:
    body, target = await body_of(request, _ADD_CATEGORY), await _operation_target(request)
    category, settled = await commands.add_category(*target, **body)
    location = f"/books/{settled.book.id}/categories/{category.category_id}"
    return _answer_category(request, category, settled, status=201, location=location)


async def rename_category(request: web.Request) -> web.Response:
    body = await body_of(request, _RENAME_CATEGORY)
    target, check = (*_target(request), _category_id(request)), _if_match(request)
    return answer(request, view_of_category(await commands.rename_category(*target, **body, check=check)))


async def delete_category(request: web.Request) -> web.Response:
    await commands.delete_category(*_target(request), _category_id(request), _if_match(request))
    return web.Response(status=204)


async def restore_category(request: web.Request) -> web.Response:
    await body_of(request, _NOTHING)
    target = (*await _operation_target(request), _category_id(request))
    return _answer_category(request, *await commands.restore_category(*target, _if_match(request)))


async def close_period(request: web.Request) -> web.Response:
    body, target = await body_of(request, _CLOSE_PERIOD), await _operation_target(request)
    settled = await commands.close_period(*target, **body, version=await expected_version(request))
    book, replayed = settled.book, settled.replayed_at is not None
    closing = {"through": book.closings[-1], "closed_at": book.modified_on, "closed_by": request[METADATA].actor}
    return answer(request, closing, status=201, replayed=replayed)


async def reopen_period(request: web.Request) -> web.Response:
    body = await body_of(request, _REOPEN_PERIOD)
    settled = await commands.reopen_period(*_target(request), **body, version=await expected_version(request))
    closings = await request.app[READS].closings(request[METADATA].actor, settled.book.id)
    return answer(request, closings["items"][-1] if closings["items"] else {"through": None})


async def expected_version(request: web.Request) -> int | None:
    """The version of the book that If-Match names by its ETag; None: any will do.

    The ETag also covers sums, which move with every entry: they are compared here, once, while the version is
    compared again with the append. An entry recorded in between changes nothing that this request would overwrite.
    Raises: BookNotFound, BookChanged.
    """
    if request.if_match is None or any(tag.value == "*" for tag in request.if_match):
        return None
    view = await read_book(request, book_id(request))
    version: int = view["version"]
    require_match(request, view, BookChanged, version)
    return version


def _target(request: web.Request) -> tuple[Ledger, Metadata, UUID]:
    return request.app[LEDGER], request[METADATA], book_id(request)


async def _operation_target(request: web.Request) -> tuple[Ledger, Metadata, UUID]:
    return request.app[LEDGER], await operation_of(request), book_id(request)


def _category_id(request: web.Request) -> UUID:
    return id_in_path(request, "category", CategoryNotFound)


def _if_match(request: web.Request) -> CategoryCheck:
    def check(book: Book, category: Category) -> None:
        require_match(request, view_of_category(category), CategoryChanged, book.version)

    return check


def _answer_category(
    request: web.Request, category: Category, settled: Settled, *, status: int = 200, location: str | None = None
) -> web.Response:
    replayed = settled.replayed_at is not None
    return answer(request, view_of_category(category), status=status, location=location, replayed=replayed)


async def _answer_book(
    request: web.Request, settled: Settled, *, status: int = 200, location: str | None = None
) -> web.Response:
    view: View = await read_book(request, settled.book.id, settled.replayed_at)
    return answer(request, view, status=status, location=location, replayed=settled.replayed_at is not None)
