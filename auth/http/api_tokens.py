"""The routes by which users make and revoke API tokens."""

from datetime import timedelta
from typing import Final

from aiohttp import web

from auth import schemas
from auth.commands import api_tokens as commands
from auth.errors import ApiTokenNotFound
from auth.http.requests import (
    AUTH,
    CATCH_UP,
    COUNT_API_TOKENS,
    OPERATION,
    RESOURCES,
    answer,
    body_of,
    id_in_path,
    metadata_of,
)
from auth.middleware import PRINCIPAL

_CREATE: Final = schemas.CreateApiToken()
_NOTHING: Final = schemas.Nothing()


def routes() -> list[web.RouteDef]:
    return [
        web.post("/users/me/tokens", create_token),
        web.delete("/users/me/tokens/{token}", revoke_token),
    ]


async def create_token(request: web.Request) -> web.Response:
    body, metadata = await body_of(request, _CREATE), await request.app[OPERATION](request)
    lifetime, user_id = timedelta(seconds=body.pop("expires_in_seconds")), request[PRINCIPAL].user_id
    count_live = request.app[COUNT_API_TOKENS]
    issued = await commands.issue_token(request.app[AUTH], metadata, user_id, count_live, **body, lifetime=lifetime)
    return answer(_view(issued), status=201, replayed=issued.replayed)


async def revoke_token(request: web.Request) -> web.Response:
    await body_of(request, _NOTHING)
    request.app[RESOURCES].require_untagged(request)
    user_id = request[PRINCIPAL].user_id
    token_id = id_in_path(request, "token", ApiTokenNotFound)
    await commands.revoke_token(request.app[AUTH], metadata_of(request), user_id, token_id)
    await request.app[CATCH_UP](user_id)
    return web.Response(status=204)


def _view(issued: commands.Issued) -> dict[str, object]:
    token = issued.token
    return {
        "id": token.id,
        "token": issued.text,
        "name": token.name,
        "scopes": token.scopes,
        "books": token.books,
        "created_at": token.created_on,
        "expires_at": token.expires_at,
        "last_used_on": token.last_used_on,
    }
