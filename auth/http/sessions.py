"""The routes to sign in, go on and sign out."""

from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from auth import schemas
from auth.commands import sessions as commands
from auth.errors import InvalidRefreshToken, RefreshTokenReused, SessionNotFound
from auth.http.requests import AUTH, CATCH_UP, RESOURCES, answer, body_of, client_of, id_in_path, metadata_of
from auth.middleware import PRINCIPAL, REQUEST_ID, public
from auth.session import ENDED_FROM_ELSEWHERE

GET_SIGN_IN_DEPRECATED_ON: Final = datetime(2026, 11, 23, tzinfo=UTC)
_DEPRECATED: Final = {
    "Deprecation": f"@{GET_SIGN_IN_DEPRECATED_ON.timestamp():.0f}",
    "Link": '</users/signin>; rel="successor-version"',
}

KEYS_CACHED_SECONDS: Final = 300
"""A key signs as soon as it is made; who meets one that he does not know asks again."""

_SIGN_IN: Final = schemas.SignIn()
_SIGN_IN_WITH_PASSKEY: Final = schemas.SignInWithPasskey()
_REFRESH: Final = schemas.Refresh()
_NOTHING: Final = schemas.Nothing()


def routes() -> list[web.RouteDef]:
    return [
        web.post("/users/token", refresh),
        web.post("/users/signin", sign_in),
        web.get("/users/signin", sign_in_by_get, allow_head=False),
        web.post("/users/signin/passkey/options", show_passkey_options),
        web.post("/users/signin/passkey", sign_in_with_passkey),
        web.post("/users/signout", sign_out),
        web.delete("/users/me/sessions", end_other_sessions),
        web.delete("/users/me/sessions/{session}", end_session),
        web.get("/.well-known/jwks.json", show_keys),
    ]


@public
async def sign_in(request: web.Request) -> web.Response:
    body = await body_of(request, _SIGN_IN)
    return answer(await commands.sign_in(request.app[AUTH], request[REQUEST_ID], **body, **client_of(request)))


@public
async def sign_in_by_get(request: web.Request) -> web.Response:
    """The form that the first API published."""
    return await sign_in(request)


async def deprecate(request: web.Request, response: web.StreamResponse) -> None:
    """Whatever that form is answered with, errors too, says that there is another (RFC 9745)."""
    if request.match_info.handler is sign_in_by_get:
        response.headers.update(_DEPRECATED)


@public
async def show_passkey_options(request: web.Request) -> web.Response:
    await body_of(request, _NOTHING)
    return answer(request.app[AUTH].ceremonies.sign_in_options())


@public
async def sign_in_with_passkey(request: web.Request) -> web.Response:
    body = await body_of(request, _SIGN_IN_WITH_PASSKEY)
    tokens = await commands.sign_in_with_passkey(request.app[AUTH], request[REQUEST_ID], **body, **client_of(request))
    return answer(tokens)


@public
async def refresh(request: web.Request) -> web.Response:
    body = await body_of(request, _REFRESH)
    try:
        tokens = await commands.refresh(request.app[AUTH], request[REQUEST_ID], **body, **client_of(request))
    except RefreshTokenReused as error:
        await request.app[CATCH_UP](error.user_id)
        raise InvalidRefreshToken from None  # a thief need not learn more
    return answer(tokens)


async def sign_out(request: web.Request) -> web.Response:
    await body_of(request, _NOTHING)
    principal = request[PRINCIPAL]
    await commands.sign_out(request.app[AUTH], request[REQUEST_ID], principal)
    await request.app[CATCH_UP](principal.user_id)
    return web.Response(status=204)


async def end_session(request: web.Request) -> web.Response:
    await body_of(request, _NOTHING)
    request.app[RESOURCES].require_untagged(request)
    user_id, session_id = request[PRINCIPAL].user_id, id_in_path(request, "session", SessionNotFound)
    await commands.end_session(request.app[AUTH], metadata_of(request), user_id, session_id)
    await request.app[CATCH_UP](user_id)
    return web.Response(status=204)


async def end_other_sessions(request: web.Request) -> web.Response:
    await body_of(request, _NOTHING)
    request.app[RESOURCES].require_untagged(request)
    principal = request[PRINCIPAL]
    own = (principal.user_id, principal.session_id)
    await commands.end_sessions(request.app[AUTH], metadata_of(request), *own, ENDED_FROM_ELSEWHERE)
    await request.app[CATCH_UP](principal.user_id)
    return web.Response(status=204)


@public
async def show_keys(request: web.Request) -> web.Response:
    response = answer(request.app[AUTH].tokens.jwks())
    response.headers["Cache-Control"] = f"public, max-age={KEYS_CACHED_SECONDS}"
    return response
