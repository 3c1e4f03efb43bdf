"""The routes of OAuth: what a token is worth (RFC 7662), and its end (RFC 7009); errors as RFC 6749 has them, 5.2."""

import base64
import binascii
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote_plus
from uuid import UUID

import structlog
from aiohttp import web

from auth.commands import introspection as commands
from auth.commands.clients import find_client
from auth.errors import Unauthenticated
from auth.http.requests import AUTH, AUTHENTICATE, BEARER, CATCH_UP, answer
from auth.middleware import REQUEST_ID, public

INTROSPECT: Final = "/oauth/introspect"
REVOKE: Final = "/oauth/revoke"
FORM: Final = "application/x-www-form-urlencoded"
FORMS: Final = {path: frozenset({FORM, "application/json"}) for path in (INTROSPECT, REVOKE)}
"""The paths that take forms; of JSON they say themselves, as OAuth has it, that it is none."""
FIELDS_MAX: Final = 10
REALM: Final = 'realm="gagyebu"'

_log = structlog.get_logger("security")


@dataclass(eq=False)
class Refused(Exception):
    """What is answered instead."""

    status: int
    error: str
    challenge: str | None = None


@dataclass(frozen=True)
class Asker:
    """Who asks: a registered service, or a user for the own tokens."""

    client_id: UUID | None
    user_id: UUID | None


def routes() -> list[web.RouteDef]:
    return [web.post(INTROSPECT, introspect), web.post(REVOKE, revoke)]


@public
async def introspect(request: web.Request) -> web.Response:
    try:
        asker, token = await _authenticated(request), await _token_in(request)
    except Refused as refused:
        return _refusal(refused)
    claims = await commands.introspect(request.app[AUTH], request.app[BEARER], token, asker.user_id)
    return answer(claims)


@public
async def revoke(request: web.Request) -> web.Response:
    """Answer 200 also where there was nothing to end: whoever asks wants it to be over (RFC 7009, 2.2)."""
    try:
        asker, token = await _authenticated(request), await _token_in(request)
    except Refused as refused:
        return _refusal(refused)
    request_id = request[REQUEST_ID]
    user_id = await commands.revoke(request.app[AUTH], request.app[BEARER], request_id, token, asker.user_id)
    if user_id is not None:
        _log.info("token revoked by its holder", client_id=asker.client_id, user_id=user_id, request_id=request_id)
        await request.app[CATCH_UP](user_id)
    return web.Response()


async def _authenticated(request: web.Request) -> Asker:
    """Raises: Refused."""
    authorization = request.headers.get("Authorization", "")
    if authorization[:7].lower() == "bearer ":
        return await _authenticated_user(request, authorization)
    client = await find_client(request.app[AUTH].store, *_basic(authorization))
    if client is None:
        _log.warning("service refused", request_id=request[REQUEST_ID])
        raise Refused(401, "invalid_client", f"Basic {REALM}")
    return Asker(client.id, None)


async def _authenticated_user(request: web.Request, authorization: str) -> Asker:
    """Raises: Refused, also for an API token: that is for books, and not for the account."""
    try:
        principal = await request.app[AUTHENTICATE](authorization)
    except Unauthenticated:
        raise Refused(401, "invalid_token", f'Bearer {REALM}, error="invalid_token"') from None
    if principal.grant is not None:
        raise Refused(403, "insufficient_scope", f'Bearer {REALM}, error="insufficient_scope", scope="account"')
    return Asker(None, principal.user_id)


def _basic(authorization: str) -> tuple[str, str]:
    """Client id and secret, each encoded like a field of a form (RFC 6749, 2.3.1); empty ones where there are none."""
    scheme, _, content = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, secret = base64.b64decode(content.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return unquote_plus(name), unquote_plus(secret)


async def _token_in(request: web.Request) -> str:
    """The one token in the form. Raises: Refused."""
    try:
        fields = parse_qsl((await request.read()).decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        raise Refused(400, "invalid_request") from None
    given = dict(fields)
    if request.content_type != FORM or len(given) != len(fields) or not given.get("token"):
        raise Refused(400, "invalid_request")
    return given["token"]


def _refusal(refused: Refused) -> web.Response:
    response = answer({"error": refused.error}, status=refused.status)
    if refused.challenge is not None:
        response.headers["WWW-Authenticate"] = refused.challenge
    return response
