"""The routes that read books, entries, totals, the wallet, shared entries, sessions and API tokens."""

import re
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Annotated, Any, Final
from urllib.parse import quote
from uuid import UUID

from aiohttp import web
from marshmallow import Schema
from msgspec import Meta

from auth.middleware import PRINCIPAL, public
from eventstore.codec import Metadata
from ledger.answers import answer, answer_plain
from ledger.commands.shares import note_opening, share_id_in
from ledger.errors import CategoryNotFound, EntryNotFound, MemberNotFound
from ledger.exports.double_entry import DoubleEntryExport
from ledger.http.requests import CLOCK, LEDGER, METADATA, book_id, id_in_path, query_of
from projections import schemas
from projections.api_tokens import list_api_tokens
from projections.books import (
    get_book,
    get_category,
    get_member,
    list_books,
    list_categories,
    list_closings,
    list_members,
)
from projections.diff import diff_book
from projections.engine import Engine
from projections.entries import get_entry, list_entries
from projections.exports import FORMATS, Exports
from projections.finding import ORDERS, Filters
from projections.history import HISTORY, book_history, category_history, entry_history
from projections.paging import Page, ShortList, decode_cursor
from projections.past_books import (
    get_book_at,
    get_category_at,
    get_entry_of,
    get_member_at,
    get_totals_at,
    get_wallet_at,
    list_categories_at,
    list_closings_at,
    list_entries_of,
    list_members_at,
)
from projections.sessions import list_sessions
from projections.shares import CURSOR, find_shared, list_shares
from projections.spending import get_spending, get_spending_at
from projections.statements import get_statement, get_statement_at, list_statements, list_statements_at
from projections.totals import get_totals
from projections.wallet import get_wallet

ENGINE: Final = web.AppKey("engine", Engine)
EXPORTS: Final = web.AppKey("exports", Exports)

_ASK_BOOK = schemas.AskBook()
_ASK_DIFF = schemas.AskDiff()
_ASK_HISTORY = schemas.AskHistory()
_ASK_PARTS = schemas.AskParts()
_ASK_RECORDED = schemas.AskRecorded()
_ASK_WALLET = schemas.AskWallet()
_ASK_BOOKS = schemas.AskBooks()
_ASK_CATEGORIES = schemas.AskCategories()
_ASK_ENTRY = schemas.AskEntry()
_ASK_ENTRIES = schemas.AskEntries()
_ASK_EXPORT = schemas.AskExport()
_ASK_SPENDING = schemas.AskSpending()
_ASK_STATEMENT = schemas.AskStatement()
_ASK_STATEMENTS = schemas.AskStatements()
_ASK_TOTALS = schemas.AskTotals()
_ASK_OWN = schemas.AskOwn()

_Instant = Annotated[datetime, Meta(tz=True)]
_MEMBERS: Final = ShortList("members", ("joined_at", "user_id"), (_Instant, UUID))
_CLOSINGS: Final = ShortList("closings", ("through",), (date,))
_SESSIONS: Final = ShortList("sessions", ("last_seen_at", "id"), (_Instant, UUID), descending=True)
_TOKENS: Final = ShortList("tokens", ("id",), (UUID,), descending=True)
_PASSKEYS: Final = ShortList("passkeys", ("created_at", "id"), (_Instant, UUID))

Read = Callable[..., Awaitable[dict[str, Any]]]

_SHARED: Final = "/s/"
_SECLUDED: Final = {"X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer"}
_NOT_IN_FILE_NAMES: Final = re.compile(r'[\s/\\:*?"<>|]+')


def routes() -> list[web.RouteDef]:
    # The order is that of the traffic: the router tries them one by one.
    return [
        web.get("/books/{book}/entries", show_entries),
        web.get("/books/{book}/entries/{entry}", show_entry),
        web.get("/books/{book}/totals", show_totals),
        web.get("/books/{book}", show_book),
        web.get("/books/{book}/categories", show_categories),
        web.get("/books/{book}/categories/{category}", show_category),
        web.get("/books/{book}/entries/{entry}/history", show_entry_history),
        web.get("/books/{book}/history", show_book_history),
        web.get("/books/{book}/categories/{category}/history", show_category_history),
        web.get("/books/{book}/statements", show_statements),
        web.get("/books/{book}/statements/{month}", show_statement),
        web.get("/books/{book}/spending", show_spending),
        web.get("/books/{book}/diff", show_diff),
        web.get("/books/{book}/members", show_members),
        web.get("/books/{book}/members/{user}", show_member),
        web.get("/books/{book}/closings", show_closings),
        web.get("/books/{book}/export", export_book, allow_head=False),  # its cost is in the body
        web.get("/books", show_books),
        web.get("/wallet", show_wallet),
        web.get("/books/{book}/entries/{entry}/shares", show_shares),
        web.get(f"{_SHARED}{{code}}", open_share),
        web.get("/users/me/sessions", show_sessions),
        web.get("/users/me/tokens", show_api_tokens),
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
    read = _at(asked, list_entries, list_entries_of)
    return _answer_list(request, await read(*_target(request), filters, page))


async def show_entry(request: web.Request) -> web.Response:
    asked, entry = _ask(request, _ASK_ENTRY), id_in_path(request, "entry", EntryNotFound)
    read, deleted = _at(asked, get_entry, get_entry_of), schemas.STATES[asked["state"]]
    return answer(request, await read(*_target(request), entry, deleted=deleted))


async def show_totals(request: web.Request) -> web.Response:
    asked = _ask(request, _ASK_TOTALS)
    read, days = _at(asked, get_totals, get_totals_at), (asked["day_min"], asked["day_max"])
    return answer(request, await read(*_target(request), *days, asked["group_by"]))


async def show_statements(request: web.Request) -> web.Response:
    asked = _ask(request, _ASK_STATEMENTS)
    read, page = _at(asked, list_statements, list_statements_at), _page(asked, "statements", (date,))
    return _answer_list(request, await read(*_target(request), page))


async def show_statement(request: web.Request) -> web.Response:
    asked = _ask(request, _ASK_STATEMENT, month=request.match_info["month"])
    read = _at(asked, get_statement, get_statement_at)
    return answer(request, await read(*_target(request), asked["month"]))


async def show_spending(request: web.Request) -> web.Response:
    asked = _ask(request, _ASK_SPENDING)
    read = _at(asked, get_spending, get_spending_at)
    return answer(request, await read(*_target(request), asked["day_min"], asked["day_max"]))


async def show_diff(request: web.Request) -> web.Response:
    return answer(request, await diff_book(*_target(request), **_ask(request, _ASK_DIFF)))


async def show_book(request: web.Request) -> web.Response:
    read = _at(_ask(request, _ASK_BOOK), get_book, get_book_at)
    return answer(request, await read(*_target(request)))


async def show_books(request: web.Request) -> web.Response:
    asked = _ask(request, _ASK_BOOKS)
    page, deleted = _page(asked, "books", (UUID,)), schemas.STATES[asked["state"]]
    return _answer_list(request, await list_books(request.app[ENGINE], _user(request), page, deleted=deleted))


async def show_categories(request: web.Request) -> web.Response:
    asked = _ask(request, _ASK_CATEGORIES)
    read, page = _at(asked, list_categories, list_categories_at), _page(asked, "categories", (UUID,))
    return _answer_list(request, await read(*_target(request), page, deleted=schemas.STATES[asked["state"]]))


async def show_category(request: web.Request) -> web.Response:
    asked, category = _ask(request, _ASK_BOOK), id_in_path(request, "category", CategoryNotFound)
    return answer(request, await _at(asked, get_category, get_category_at)(*_target(request), category))


async def show_members(request: web.Request) -> web.Response:
    asked = _ask(request, _ASK_PARTS)
    page, read = _page_of_short(asked, _MEMBERS), _at(asked, list_members, list_members_at)
    return _answer_list(request, _MEMBERS.page_of((await read(*_target(request)))["items"], page))


async def show_member(request: web.Request) -> web.Response:
    asked, member = _ask(request, _ASK_BOOK), id_in_path(request, "user", MemberNotFound)
    return answer(request, await _at(asked, get_member, get_member_at)(*_target(request), member))


async def show_closings(request: web.Request) -> web.Response:
    asked = _ask(request, _ASK_PARTS)
    page, read = _page_of_short(asked, _CLOSINGS), _at(asked, list_closings, list_closings_at)
    return _answer_list(request, _CLOSINGS.page_of((await read(*_target(request)))["items"], page))


async def show_entry_history(request: web.Request) -> web.Response:
    asked, entry = _ask(request, _ASK_HISTORY), id_in_path(request, "entry", EntryNotFound)
    page, moment = _page_of_short(asked, HISTORY), asked["known_at"]
    return _answer_list(request, await entry_history(*_target(request), entry, page, moment))


async def show_book_history(request: web.Request) -> web.Response:
    asked = _ask(request, _ASK_RECORDED)
    page, moment = _page_of_short(asked, HISTORY), asked["known_at"]
    return _answer_list(request, await book_history(*_target(request), page, moment))


async def show_category_history(request: web.Request) -> web.Response:
    asked, category = _ask(request, _ASK_HISTORY), id_in_path(request, "category", CategoryNotFound)
    page, moment = _page_of_short(asked, HISTORY), asked["known_at"]
    return _answer_list(request, await category_history(*_target(request), category, page, moment))


async def export_book(request: web.Request) -> web.Response:
    asked = _ask(request, _ASK_EXPORT)
    export_type = FORMATS[asked["export_format"]]
    transfers = asked["transfers"] or issubclass(export_type, DoubleEntryExport)
    user, book, moment = _user(request), book_id(request), asked["known_at"]
    file = await request.app[EXPORTS].export(user, book, export_type, moment, transfers=transfers)
    headers = {
        "Content-Type": export_type.media_type,
        "Content-Length": str(file.size_bytes),
        "Content-Disposition": _attachment(f"{file.book_name}.{export_type.suffix}", export_type.suffix),
    }
    return web.Response(body=file.chunks(), headers=headers)


async def show_wallet(request: web.Request) -> web.Response:
    asked, engine, user = _ask(request, _ASK_WALLET), request.app[ENGINE], _user(request)
    moment = asked["known_at"]
    return answer(
        request, await (get_wallet(engine, user) if moment is None else get_wallet_at(engine, user, moment.at))
    )


async def show_shares(request: web.Request) -> web.Response:
    asked, entry = _ask(request, _ASK_RECORDED), id_in_path(request, "entry", EntryNotFound)
    page = _page(asked, "shares", CURSOR)
    return _answer_list(request, await list_shares(*_target(request), entry, page, asked["known_at"]))


@public
async def open_share(request: web.Request) -> web.Response:
    """Show the entry to whoever has the code; a GET counts, a HEAD shows nothing and does not."""
    ledger = request.app[LEDGER]
    share_id = share_id_in(ledger, request.match_info["code"])
    shared = await find_shared(request.app[ENGINE], share_id, request.app[CLOCK]())
    if request.method == "GET":
        await note_opening(ledger, request[METADATA], shared.book_id, share_id, shared.opens)
    return answer_plain(shared.view)


async def seclude(request: web.Request, response: web.StreamResponse) -> None:
    """Whatever is answered under a shared address, neither search engines nor other sites learn of it."""
    if request.path.startswith(_SHARED):
        response.headers.update(_SECLUDED)


async def show_sessions(request: web.Request) -> web.Response:
    principal, page = request[PRINCIPAL], _page_of_short(_ask(request, _ASK_OWN), _SESSIONS)
    listed = await list_sessions(request.app[ENGINE], principal.user_id, principal.session_id)
    return _answer_plain_list(request, _SESSIONS.page_of(listed["items"], page))


async def show_api_tokens(request: web.Request) -> web.Response:
    page = _page_of_short(_ask(request, _ASK_OWN), _TOKENS)
    user, now = request[PRINCIPAL].user_id, request.app[CLOCK]()
    listed = await list_api_tokens(request.app[ENGINE], user, now)
    return _answer_plain_list(request, _TOKENS.page_of(listed["items"], page))


def answer_passkeys(request: web.Request, items: list[dict[str, Any]]) -> web.Response:
    """Answer with the passkeys of the user, or a page of them. Raises: ValidationError."""
    page = _page_of_short(_ask(request, _ASK_OWN), _PASSKEYS)
    return _answer_plain_list(request, _PASSKEYS.page_of(items, page))


def _at(asked: dict[str, Any], now: Read, then: Read) -> Read:
    """Choose how to read: what there is now, or what there was at a moment, which `then` takes last."""
    moment = asked["known_at"]
    return now if moment is None else lambda *place, **options: then(*place, moment, **options)


def _target(request: web.Request) -> tuple[Engine, UUID | None, UUID]:
    return request.app[ENGINE], _user(request), book_id(request)


def _attachment(name: str, suffix: str) -> str:
    """Name a file to save (RFC 6266), with a plain name for those who read no other."""
    safe = _NOT_IN_FILE_NAMES.sub("_", name)
    return f"attachment; filename=\"book.{suffix}\"; filename*=UTF-8''{quote(safe, safe='')}"


def _user(request: web.Request) -> UUID | None:
    metadata: Metadata = request[METADATA]
    return metadata.actor


def _ask(request: web.Request, schema: Schema, **in_path: str) -> dict[str, Any]:
    """Read and validate the query, and what the path says. Raises: ValidationError."""
    asked: dict[str, Any] = schema.load({**query_of(request, "category_id"), **in_path})
    return asked


def _page(asked: dict[str, Any], order: str, key_types: tuple[Any, ...]) -> Page:
    cursor = asked["cursor"]
    return Page(asked["limit"], order, decode_cursor(cursor, order, key_types) if cursor is not None else None)


def _page_of_short(asked: dict[str, Any], short: ShortList) -> Page:
    return _page(asked, short.order, short.key_types)


def _answer_list(request: web.Request, listed: dict[str, Any]) -> web.Response:
    return _linked(request, answer(request, listed), listed)


def _answer_plain_list(request: web.Request, listed: dict[str, Any]) -> web.Response:
    """Answer with a list that has no entity tag."""
    return _linked(request, answer_plain(listed), listed)


def _linked(request: web.Request, response: web.Response, listed: dict[str, Any]) -> web.Response:
    if listed["next_cursor"] is not None:
        following = request.rel_url.update_query(cursor=listed["next_cursor"])
        response.headers["Link"] = f'<{following}>; rel="next"'
    return response
