"""The routes of the account itself."""

from datetime import date
from typing import Any, Final

from aiohttp import web
from marshmallow import ValidationError

from auth import schemas
from auth.commands import accounts as commands
from auth.commands import erasure, passwords
from auth.commands.deciding import UserCheck, find_user
from auth.errors import UserChanged
from auth.http.requests import (
    ACCOUNTS,
    AUTH,
    CATCH_UP,
    LANGUAGE,
    RESOURCES,
    TODAY,
    address_of,
    answer,
    body_of,
    metadata_of,
)
from auth.middleware import PRINCIPAL, REQUEST_ID, public
from auth.user import User, age_on
from eventstore.operations import KEY_HEADER

_CHANGE_PASSWORD: Final = schemas.ChangePassword()
_ERASE: Final = schemas.Reauthenticate()


def routes() -> list[web.RouteDef]:
    return [
        web.get("/users/me", show_me),
        web.patch("/users/me", amend_me),
        web.delete("/users/me", erase_me),
        web.put("/users/me/password", change_password),
        web.post("/users/signup", sign_up),
    ]


@public
async def sign_up(request: web.Request) -> web.Response:
    today, language = request.app[TODAY](request), request.app[LANGUAGE](request)
    body = await body_of(request, schemas.SignUp(today))
    try:
        user_id = commands.user_id_for(request.app[AUTH], request.headers.get(KEY_HEADER), body["email"])
    except ValueError as error:
        raise ValidationError(str(error), KEY_HEADER) from None
    ip = address_of(request)
    user, replayed = await commands.sign_up(request.app[AUTH], request[REQUEST_ID], user_id, language, **body, ip=ip)
    return answer(_user_view(user, today), status=201, replayed=replayed)


async def show_me(request: web.Request) -> web.Response:
    user = await find_user(request.app[AUTH], request[PRINCIPAL].user_id)
    return request.app[RESOURCES].answer(request, _user_view(user, request.app[TODAY](request)))


async def amend_me(request: web.Request) -> web.Response:
    """A JSON merge patch (RFC 7396)."""
    today, language = request.app[TODAY](request), request.app[LANGUAGE](request)
    changes = await body_of(request, schemas.AmendUser(today))
    target = (metadata_of(request), request[PRINCIPAL].user_id)
    user = await commands.amend_profile(request.app[AUTH], *target, language, changes, _if_match(request))
    return request.app[RESOURCES].answer(request, _user_view(user, today))


async def erase_me(request: web.Request) -> web.Response:
    """What was read of the account is caught up before the answer: it is gone, and its tokens are refused."""
    body, principal = await body_of(request, _ERASE), request[PRINCIPAL]
    works_with = (request.app[AUTH], request.app[ACCOUNTS], metadata_of(request))
    await erasure.erase_own_account(*works_with, principal.user_id, address_of(request), _if_match(request), **body)
    await request.app[CATCH_UP](principal.user_id)
    return web.Response(status=204)


async def change_password(request: web.Request) -> web.Response:
    body, principal = await body_of(request, _CHANGE_PASSWORD), request[PRINCIPAL]
    own = (principal.user_id, principal.session_id)
    client = (request.app[LANGUAGE](request), address_of(request))
    await passwords.change_password(request.app[AUTH], metadata_of(request), *own, *client, _if_match(request), **body)
    await request.app[CATCH_UP](principal.user_id)
    return web.Response(status=204)


def _if_match(request: web.Request) -> UserCheck:
    today, resources = request.app[TODAY](request), request.app[RESOURCES]

    def check(user: User) -> None:
        resources.require_match(request, _user_view(user, today), UserChanged, user.version)

    return check


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
