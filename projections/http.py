"""The routes that read books, entries, totals, the wallet and sessions."""

from typing import Any, Final
from uuid import UUID

from aiohttp import web

from auth.middleware import PRINCIPAL
from eventstore.codec import Metadata
from ledger.answers import answer, answer_plain
from ledger.errors import EntryNotFound
from ledger.http.requests import METADATA, book_id
from projections import schemas
from projections.books import get_book, list_books, list_categories, list_closings, list_members
from projections.engine import Engine
from projections.entries import ORDERS, Filters, get_entry, list_entries
from projections.paging import Page, decode_cursor
from projections.sessions import list_sessions
from projections.totals import get_totals
from projections.wallet import get_wallet

ENGINE: Final = web.AppKey("engine", Engine)

_ASK_BOOKS = schemas.AskBooks()
_ASK_CATEGORIES = schemas.AskCategories()
_ASK_ENTRY = schemas.AskEntry()
_ASK_ENTRIES = schemas.AskEntries()
_ASK_TOTALS = schemas.AskTotals()


def routes() -> list[web.RouteDef]:
    # The order is that of the traffic: the router tries them one by one.
    return [
        web.get("/books/{book}/entries", show_entries),
        web.get("/books/{book}/entries/{entry}", show_entry),
        web.get("/books/{book}/totals", show_totals),
        web.get("/books/{book}", show_book),
        web.get("/books/{book}/categories", show_categories),
        web.get("/books/{book}/members", show_members),
        web.get("/books/{book}/closings", show_closings),
        web.get("/books", show_books),
        web.get("/wallet", show_wallet),
        web.get("/users/me/sessions", show_sessions),
    ]


async def show_entries(request: web.Request) -> web.Response:
    asked = _ask(request, _ASK_ENTRIES)
    filters = Filters(
        schemas.STATES[asked["state"]],
        asked["day_min"],
        asked["day_max"],
        asked["kind"],
        asked["categories"],
        asked["tag"],
        asked["part"] or None,
        asked["amount_min"],
        asked["amount_max"],
    )
    page = _page(asked, asked["sort"], ORDERS[asked["sort"]].key_types)
    listed = await list_entries(request.app[ENGINE], _user(request), book_id(request), filters, page)
    return _answer_list(request, listed)


async def show_entry(request: web.Request) -> web.Response:
    deleted = schemas.STATES[_ask(request, _ASK_ENTRY)["state"]]
    try:
        entry_id = UUID(request.match_info["entry"])
    except ValueError:
        raise EntryNotFound from None
    book = book_id(request)
    return answer(request, await get_entry(request.app[ENGINE], _user(request), book, entry_id, deleted=deleted))


async def show_totals(request: web.Request) -> web.Response:
    asked = _ask(request, _ASK_TOTALS)
    return answer(request, await get_totals(request.app[ENGINE], _user(request), book_id(request), **asked))


async def show_book(request: web.Request) -> web.Response:
    return answer(request, await get_book(request.app[ENGINE], _user(request), book_id(request)))


async def show_books(request: web.Request) -> web.Response:
    asked = _ask(request, _ASK_BOOKS)
    page, deleted = _page(asked, "books", (UUID,)), schemas.STATES[asked["state"]]
    return _answer_list(request, await list_books(request.app[ENGINE], _user(request), page, deleted=deleted))


async def show_categories(request: web.Request) -> web.Response:
    asked = _ask(request, _ASK_CATEGORIES)
    page, deleted = _page(asked, "categories", (UUID,)), schemas.STATES[asked["state"]]
    categories = await list_categories(request.app[ENGINE], _user(request), book_id(request), page, deleted=deleted)
    return _answer_list(request, categories)


async def show_members(request: web.Request) -> web.Response:
    return answer(request, await list_members(request.app[ENGINE], _user(request), book_id(request)))


async def show_closings(request: web.Request) -> web.Response:
    return answer(request, await list_closings(request.app[ENGINE], _user(request), book_id(request)))


async def show_wallet(request: web.Request) -> web.Response:
    return answer(request, await get_wallet(request.app[ENGINE], _user(request)))


async def show_sessions(request: web.Request) -> web.Response:
    principal = request[PRINCIPAL]
    return answer_plain(await list_sessions(request.app[ENGINE], principal.user_id, principal.session_id))


def _user(request: web.Request) -> UUID | None:
    metadata: Metadata = request[METADATA]
    return metadata.actor


def _ask(request: web.Request, schema: schemas.Ask) -> dict[str, Any]:
    """Read and validate the query. Raises: ValidationError."""
    query = request.query
    repeated = {"category_id": query.getall("category_id")} if "category_id" in query else {}
    asked: dict[str, Any] = schema.load({**query, **repeated})
    return asked


def _page(asked: dict[str, Any], order: str, key_types: tuple[Any, ...]) -> Page:
    cursor = asked["cursor"]
    return Page(asked["limit"], order, decode_cursor(cursor, order, key_types) if cursor is not None else None)


def _answer_list(request: web.Request, listed: dict[str, Any]) -> web.Response:
    response = answer(request, listed)
    if listed["next_cursor"] is not None:
        following = request.rel_url.update_query(cursor=listed["next_cursor"])
        response.headers["Link"] = f'<{following}>; rel="next"'
    return response
