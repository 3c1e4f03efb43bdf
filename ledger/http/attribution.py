"""Tells the ledger who acts; it knows nothing of sessions and tokens."""

from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from eventstore.codec import Metadata
from ledger.errors import BookNotFound
from ledger.http.requests import METADATA, book_id


def attribution(actor_of: Callable[[web.Request], Metadata]) -> Middleware:
    """Make the middleware that sets request[METADATA]; who acts on some books alone finds no other."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        metadata = request[METADATA] = actor_of(request)
        if metadata.writable is not None and book_id(request) not in metadata.writable:
            raise BookNotFound
        return await handler(request)

    return middleware
