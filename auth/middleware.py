"""Authentication: every handler is for signed-in users unless it is marked public."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from auth.errors import Unauthenticated
from auth.tokens import AccessTokens, Principal

PRINCIPAL: Final = web.RequestKey("principal", Principal)
REQUEST_ID: Final = web.RequestKey("request_id", str)

_PUBLIC: Final = "is_public"

AnyHandler = TypeVar("AnyHandler", bound=Callable[..., Any])


class Denylist(Protocol):
    """The sessions whose access tokens are refused before they expire."""

    def is_denied(self, user_id: UUID, session_id: UUID) -> bool | Awaitable[bool]:
        """Answer at once from memory, or else with an awaitable that asks the database."""
        ...


def public(handler: AnyHandler) -> AnyHandler:
    """Mark a handler that needs no sign-in."""
    setattr(handler, _PUBLIC, True)
    return handler


def authentication(tokens: AccessTokens, denylist: Denylist) -> Middleware:
    """Make the middleware that sets request[PRINCIPAL]; unknown paths and methods stay what they are."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        match = request.match_info
        if match.http_exception is None and not hasattr(match.handler, _PUBLIC):
            request[PRINCIPAL] = await authenticate(request.headers.get("Authorization"), tokens, denylist)
        return await handler(request)

    return middleware


async def authenticate(authorization: str | None, tokens: AccessTokens, denylist: Denylist) -> Principal:
    """Tell whom an Authorization header speaks for (RFC 6750, 2.1). Raises: Unauthenticated."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated
    principal = tokens.verify(token.strip())
    denied = denylist.is_denied(principal.user_id, principal.session_id)
    if denied if isinstance(denied, bool) else await denied:
        raise Unauthenticated
    return principal
