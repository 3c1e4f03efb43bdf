"""The routes of the account itself."""

from datetime import date
from typing import Any

from aiohttp import web
from marshmallow import ValidationError

from auth import schemas
from auth.commands import accounts as commands
from auth.commands.deciding import find_user
from auth.http.requests import AUTH, TODAY, address_of, answer, body_of
from auth.middleware import PRINCIPAL, REQUEST_ID, public
from auth.user import User, age_on
from eventstore.operations import KEY_HEADER


def routes() -> list[web.RouteDef]:
    return [
        web.get("/users/me", show_me),
        web.post("/users/signup", sign_up),
    ]


@public
async def sign_up(request: web.Request) -> web.Response:
    today = request.app[TODAY](request)
    body = await body_of(request, schemas.SignUp(today))
    try:
        user_id = commands.user_id_for(request.app[AUTH], request.headers.get(KEY_HEADER), body["email"])
    except ValueError as error:
        raise ValidationError(str(error), KEY_HEADER) from None
    ip = address_of(request)
    user, replayed = await commands.sign_up(request.app[AUTH], request[REQUEST_ID], user_id, **body, ip=ip)
    response = answer(_user_view(user, today), status=201)
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


async def show_me(request: web.Request) -> web.Response:
    user = await find_user(request.app[AUTH], request[PRINCIPAL].user_id)
    return answer(_user_view(user, request.app[TODAY](request)))


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
