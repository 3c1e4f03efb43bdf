"""The routes that make and revoke links to an entry."""

from datetime import timedelta
from typing import Final

from aiohttp import web

from ledger import schemas
from ledger.answers import answer, require_untagged
from ledger.commands import shares as commands
from ledger.errors import EntryNotFound
from ledger.http.entries import target_of
from ledger.http.requests import (
    CATCH_UP,
    LEDGER,
    METADATA,
    PUBLIC_URL,
    body_of,
    book_id,
    id_in_path,
    operation_of,
)

_SHARE_ENTRY: Final = schemas.ShareEntry()
_NOTHING: Final = schemas.Nothing()


def routes() -> list[web.RouteDef]:
    shares = "/books/{book}/entries/{entry}/shares"
    return [web.post(shares, share_entry), web.delete(f"{shares}/{{code}}", revoke_share)]


async def share_entry(request: web.Request) -> web.Response:
    body, metadata = await body_of(request, _SHARE_ENTRY), await operation_of(request)
    target, lifetime = target_of(request, metadata), timedelta(seconds=body["expires_in_seconds"])
    code, share, replayed = await commands.share_entry(request.app[LEDGER], target, lifetime)
    await request.app[CATCH_UP]([target.book_id])  # whoever opens the link does not know the book to catch up
    view = {"code": code, "url": f"{request.app[PUBLIC_URL]}/s/{code}", "expires_at": share.expires_at}
    return answer(request, view, status=201, replayed=replayed)


async def revoke_share(request: web.Request) -> web.Response:
    await body_of(request, _NOTHING)
    require_untagged(request)
    book, entry = book_id(request), id_in_path(request, "entry", EntryNotFound)
    await commands.revoke_share(request.app[LEDGER], request[METADATA], book, entry, request.match_info["code"])
    await request.app[CATCH_UP]([book])
    return web.Response(status=204)
