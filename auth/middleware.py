"""Authentication: every handler is for signed-in users unless it is marked public."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from auth.api_token import READ, WRITE
from auth.errors import InsufficientScope, Unauthenticated
from auth.tokens import Grant, Principal
from eventstore.codec import Metadata

PRINCIPAL: Final = web.RequestKey("principal", Principal)
REQUEST_ID: Final = web.RequestKey("request_id", str)

ACCOUNT: Final = "account"
"""The scope that only a signed-in user has."""

_PUBLIC: Final = "is_public"
_ACCOUNT_PATHS: Final = "/users"
_READING: Final = frozenset({"GET", "HEAD"})

AnyHandler = TypeVar("AnyHandler", bound=Callable[..., Any])


class Tokens(Protocol):
    """What tells whom a token speaks for."""

    def verify(self, token: str) -> Principal | Awaitable[Principal]:
        """Answer at once from memory, or else with an awaitable that asks the store. Raises: Unauthenticated."""
        ...


class Denylist(Protocol):
    """The sessions and API tokens that are refused before they expire."""

    def is_denied(self, user_id: UUID, session_id: UUID) -> bool | Awaitable[bool]:
        """Answer at once from memory, or else with an awaitable that asks the database."""
        ...


def public(handler: AnyHandler) -> AnyHandler:
    """Mark a handler that needs no sign-in."""
    setattr(handler, _PUBLIC, True)
    return handler


def authentication(tokens: Tokens, denylist: Denylist) -> Middleware:
    """Make the middleware that sets request[PRINCIPAL]; unknown paths and methods stay what they are."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        match = request.match_info
        if match.http_exception is None and not hasattr(match.handler, _PUBLIC):
            principal = await authenticate(request.headers.get("Authorization"), tokens, denylist)
            request[PRINCIPAL] = principal  # first, so that the log can name who is refused
            if principal.grant is not None:
                _require_scope(request, principal.grant)
        return await handler(request)

    return middleware


async def authenticate(authorization: str | None, tokens: Tokens, denylist: Denylist) -> Principal:
    """Tell whom an Authorization header speaks for (RFC 6750, 2.1). Raises: Unauthenticated."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated
    verified = tokens.verify(token.strip())
    principal = verified if isinstance(verified, Principal) else await verified
    denied = denylist.is_denied(principal.user_id, principal.session_id)
    if denied if isinstance(denied, bool) else await denied:
        raise Unauthenticated
    return principal


def _require_scope(request: web.Request, grant: Grant) -> None:
    """A grant is never for the account itself, whose routes are below /users, nor, of some books, for what is of none.

    Raises: InsufficientScope.
    """
    resource = request.match_info.route.resource
    if resource is None or resource.canonical.startswith(_ACCOUNT_PATHS):
        raise InsufficientScope(ACCOUNT)
    needed = READ if request.method in _READING else WRITE
    if needed not in grant.scopes:
        raise InsufficientScope(needed)
    if grant.books is not None and "book" not in request.match_info:
        raise InsufficientScope


def actor_of(request: web.Request) -> Metadata:
    """Who acts, in which request, and on which books alone where the token is for some."""
    principal = request.get(PRINCIPAL)
    if principal is None:
        return Metadata(None, request[REQUEST_ID])
    return Metadata(principal.user_id, request[REQUEST_ID], writable=principal.grant and principal.grant.books)
