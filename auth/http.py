"""The routes to sign up, in and out."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

import orjson
from aiohttp import web
from marshmallow import Schema

from auth import commands, schemas
from auth.commands import Auth
from auth.errors import InvalidRefreshToken, RefreshTokenReused
from auth.middleware import PRINCIPAL, REQUEST_ID, public
from auth.user import User, age_on

AUTH: Final = web.AppKey("auth", Auth)
CatchUp = Callable[[UUID], Awaitable[None]]
CATCH_UP: Final[web.AppKey[CatchUp]] = web.AppKey("catch_up")
"""Brings the denylist up to date with a user's journal."""
Today = Callable[[web.Request], date]
TODAY: Final[web.AppKey[Today]] = web.AppKey("today")
"""The day where the client is."""

USER_AGENT_LENGTH_MAX: Final = 500
GET_SIGN_IN_DEPRECATED_ON: Final = datetime(2026, 11, 23, tzinfo=UTC)

_SIGN_IN = schemas.SignIn()
_REFRESH = schemas.Refresh()
_NOTHING = schemas.Nothing()


def routes() -> list[web.RouteDef]:
    return [
        web.post("/users/token", refresh),
        web.get("/users/me", show_me),
        web.post("/users/signin", sign_in),
        web.get("/users/signin", sign_in_by_get, allow_head=False),
        web.post("/users/signout", sign_out),
        web.post("/users/signup", sign_up),
        web.get("/.well-known/jwks.json", show_keys),
    ]


@public
async def sign_up(request: web.Request) -> web.Response:
    today = request.app[TODAY](request)
    body = await _body(request, schemas.SignUp(today))
    user = await commands.sign_up(request.app[AUTH], request[REQUEST_ID], **body)
    return _answer(_user_view(user, today), status=201)


@public
async def sign_in(request: web.Request) -> web.Response:
    body = await _body(request, _SIGN_IN)
    return _answer_tokens(await commands.sign_in(request.app[AUTH], request[REQUEST_ID], **body, **_client(request)))


@public
async def sign_in_by_get(request: web.Request) -> web.Response:
    """The form that the first API published (RFC 9745)."""
    response = await sign_in(request)
    response.headers["Deprecation"] = f"@{GET_SIGN_IN_DEPRECATED_ON.timestamp():.0f}"
    response.headers["Link"] = '</users/signin>; rel="successor-version"'
    return response


@public
async def refresh(request: web.Request) -> web.Response:
    body = await _body(request, _REFRESH)
    try:
        tokens = await commands.refresh(request.app[AUTH], request[REQUEST_ID], **body, **_client(request))
    except RefreshTokenReused as error:
        await request.app[CATCH_UP](error.user_id)
        raise InvalidRefreshToken from None  # a thief need not learn more
    return _answer_tokens(tokens)


async def sign_out(request: web.Request) -> web.Response:
    await _body(request, _NOTHING)
    principal = request[PRINCIPAL]
    await commands.sign_out(request.app[AUTH], request[REQUEST_ID], principal)
    await request.app[CATCH_UP](principal.user_id)
    return web.Response(status=204)


async def show_me(request: web.Request) -> web.Response:
    user = await commands.find_user(request.app[AUTH], request[PRINCIPAL].user_id)
    return _answer(_user_view(user, request.app[TODAY](request)))


@public
async def show_keys(request: web.Request) -> web.Response:
    response = _answer(request.app[AUTH].tokens.jwks())
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response


def _user_view(user: User, today: date) -> dict[str, Any]:
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "birth_date": user.birth_date,
        "age": age_on(today, user.birth_date) if user.birth_date else None,
        "phone_number": user.phone_number,
        "created_at": user.created_on,
    }


def _client(request: web.Request) -> dict[str, str]:
    """What is noted of the client with its session."""
    user_agent = request.headers.get("User-Agent", "")[:USER_AGENT_LENGTH_MAX]
    # Bytes that are no UTF-8 come as lone surrogates, which JSON cannot hold.
    return {"user_agent": user_agent.encode(errors="replace").decode(), "ip": request.remote or ""}


async def _body(request: web.Request, schema: Schema) -> dict[str, Any]:
    """Read and validate a JSON body; none at all counts as an empty object.

    Raises: ValidationError, JSONDecodeError.
    """
    content = await request.read()
    loaded: dict[str, Any] = schema.load(orjson.loads(content) if content else {})
    return loaded


def _answer(view: Any, *, status: int = 200) -> web.Response:
    body = orjson.dumps(view, default=str, option=orjson.OPT_UTC_Z)  # str: the driver's UUIDs are of a class of its own
    return web.Response(body=body, status=status, content_type="application/json")


def _answer_tokens(tokens: commands.Tokens) -> web.Response:
    response = _answer(tokens)
    response.headers["Cache-Control"] = "no-store"
    return response
