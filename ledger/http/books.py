"""The routes that change books, their categories and their closed periods."""

from typing import Final
from uuid import UUID

from aiohttp import web

from eventstore.codec import Metadata
from ledger import schemas
from ledger.answers import IF_MATCH, answer, require_match
from ledger.book import Book, Category
from ledger.commands import books as commands
from ledger.commands.deciding import BookCheck, Ledger, Settled
from ledger.errors import BookChanged, CategoryChanged, CategoryNotFound
from ledger.http.requests import (
    LEDGER,
    METADATA,
    READS,
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
    settled = await commands.amend_book(*_target(request), **body, check=if_match_of(request))
    return await _answer_book(request, settled)


async def delete_book(request: web.Request) -> web.Response:
    await body_of(request, _NOTHING)
    await commands.delete_book(*_target(request), if_match_of(request))
    return web.Response(status=204)


async def restore_book(request: web.Request) -> web.Response:
    await body_of(request, _NOTHING)
    target = await _operation_target(request)
    return await _answer_book(request, await commands.restore_book(*target, if_match_of(request)))


async def add_category(request: web.Request) -> web.Response:
    body, target = await body_of(request, _ADD_CATEGORY), await _operation_target(request)
    category, settled = await commands.add_category(*target, **body)
    location = f"/books/{settled.book.id}/categories/{category.category_id}"
    return _answer_category(request, category, settled, status=201, location=location)


async def rename_category(request: web.Request) -> web.Response:
    body = await body_of(request, _RENAME_CATEGORY)
    target, check = (*_target(request), _category_id(request)), _category_if_match(request)
    return answer(request, view_of_category(await commands.rename_category(*target, **body, check=check)))


async def delete_category(request: web.Request) -> web.Response:
    await body_of(request, _NOTHING)
    await commands.delete_category(*_target(request), _category_id(request), _category_if_match(request))
    return web.Response(status=204)


async def restore_category(request: web.Request) -> web.Response:
    await body_of(request, _NOTHING)
    target = (*await _operation_target(request), _category_id(request))
    return _answer_category(request, *await commands.restore_category(*target, _category_if_match(request)))


async def close_period(request: web.Request) -> web.Response:
    body, target = await body_of(request, _CLOSE_PERIOD), await _operation_target(request)
    settled = await commands.close_period(*target, **body, check=if_match_of(request))
    book = settled.book
    closing = {"through": book.closings[-1], "closed_at": book.modified_on, "closed_by": request[METADATA].actor}
    return answer(request, closing, status=201, replayed=settled.replayed)


async def reopen_period(request: web.Request) -> web.Response:
    body = await body_of(request, _REOPEN_PERIOD)
    settled = await commands.reopen_period(*_target(request), **body, check=if_match_of(request))
    closings = await request.app[READS].closings(request[METADATA].actor, settled.book.id)
    return answer(request, closings["items"][-1] if closings["items"] else {"through": None})


def _target(request: web.Request) -> tuple[Ledger, Metadata, UUID]:
    return request.app[LEDGER], request[METADATA], book_id(request)


async def _operation_target(request: web.Request) -> tuple[Ledger, Metadata, UUID]:
    return request.app[LEDGER], await operation_of(request), book_id(request)


def _category_id(request: web.Request) -> UUID:
    return id_in_path(request, "category", CategoryNotFound)


def if_match_of(request: web.Request) -> BookCheck:
    """What If-Match asks of the book in the path.

    The ETag also covers sums: an entry recorded after they were read changes nothing that is overwritten here.
    """

    async def check(book: Book) -> None:
        if IF_MATCH in request.headers:
            require_match(request, await read_book(request, book.id), BookChanged, book.version)

    return check


def _category_if_match(request: web.Request) -> BookCheck:
    category_id = _category_id(request)

    async def check(book: Book) -> None:
        require_match(request, view_of_category(book.category(category_id)), CategoryChanged, book.version)

    return check


def _answer_category(
    request: web.Request, category: Category, settled: Settled, *, status: int = 200, location: str | None = None
) -> web.Response:
    view = view_of_category(category)
    return answer(request, view, status=status, location=location, replayed=settled.replayed)


async def _answer_book(
    request: web.Request, settled: Settled, *, status: int = 200, location: str | None = None
) -> web.Response:
    actor, position = request[METADATA].actor, settled.position
    view = await read_book(request, settled.book.id, position)
    if position is not None and actor is not None:
        view["role"] = settled.book.members[actor]  # that of then, whatever it is by now
    return answer(request, view, status=status, location=location, replayed=settled.replayed)
