"""The routes that links in messages lead to, and those that have them sent."""

from typing import Final

from aiohttp import web

from auth import schemas
from auth.commands import emails, passwords
from auth.commands.deciding import find_user
from auth.commands.limiting import admit_forgotten
from auth.http.pages import answer_page
from auth.http.requests import (
    AUTH,
    CATCH_UP,
    LANGUAGE,
    LATER,
    MAIL_IS_SET_UP,
    OPERATION,
    RESOURCES,
    address_of,
    answer,
    body_of,
    metadata_of,
)
from auth.message import CONFIRM_EMAIL, RESET_PASSWORD, VERIFY_EMAIL
from auth.middleware import PRINCIPAL, REQUEST_ID, public

_LINK: Final = schemas.UseLink()
_CHANGE_EMAIL: Final = schemas.ChangeEmail()
_FORGOT_PASSWORD: Final = schemas.ForgotPassword()
_RESET_PASSWORD: Final = schemas.ResetPassword()
_NOTHING: Final = schemas.Nothing()

_NOT_SET_UP: Final = " This service has no mail server: whoever runs it finds the mail in its data directory."


def routes() -> list[web.RouteDef]:
    return [
        web.get("/users/verify-email", show_verify_email),
        web.post("/users/verify-email", verify_email),
        web.post("/users/me/verify-email", send_verification),
        web.get("/users/me/email", show_email),
        web.put("/users/me/email", change_email),
        web.get("/users/confirm-email", show_confirm_email),
        web.post("/users/confirm-email", confirm_email),
        web.post("/users/forgot-password", forgot_password),
        web.get("/users/reset-password", show_reset_password),
        web.post("/users/reset-password", reset_password),
    ]


async def show_email(request: web.Request) -> web.Response:
    auth = request.app[AUTH]
    user = await find_user(auth, request[PRINCIPAL].user_id)
    pending = user.pending_email
    waits = pending is not None and auth.clock() < pending.expires_at
    view = {
        "email": user.email,
        "verified": user.email_verified,
        "pending": pending.email if pending and waits else None,
    }
    return answer(view)


async def send_verification(request: web.Request) -> web.Response:
    await body_of(request, _NOTHING)
    user_id, language = request[PRINCIPAL].user_id, request.app[LANGUAGE](request)
    metadata = await request.app[OPERATION](request)
    replayed = await emails.send_verification(request.app[AUTH], metadata, user_id, language)
    return _accepted(request, "A mail with a link is on its way.", replayed=replayed)


@public
async def verify_email(request: web.Request) -> web.Response:
    body = await body_of(request, _LINK)
    await emails.verify_email(request.app[AUTH], request[REQUEST_ID], body["token"])
    return web.Response(status=204)


async def change_email(request: web.Request) -> web.Response:
    request.app[RESOURCES].require_untagged(request)
    body = await body_of(request, _CHANGE_EMAIL)
    user_id, language = request[PRINCIPAL].user_id, request.app[LANGUAGE](request)
    client = (language, address_of(request))
    await emails.ask_email_change(request.app[AUTH], metadata_of(request), user_id, *client, **body)
    return _accepted(request, "A mail with a link is on its way to the new address; until it is used, nothing changes.")


@public
async def confirm_email(request: web.Request) -> web.Response:
    body, language = await body_of(request, _LINK), request.app[LANGUAGE](request)
    await emails.confirm_email(request.app[AUTH], request[REQUEST_ID], body["token"], language)
    return web.Response(status=204)


@public
async def forgot_password(request: web.Request) -> web.Response:
    """The answer, and the time it takes, are the same whether there is an account or not: all else comes later."""
    body = await body_of(request, _FORGOT_PASSWORD)
    auth, request_id, language = request.app[AUTH], request[REQUEST_ID], request.app[LANGUAGE](request)
    await admit_forgotten(auth, body["email"], address_of(request))
    request.app[LATER].do(lambda: passwords.forgot_password(auth, request_id, language, body["email"], body["via"]))
    return _accepted(request, "If there is an account with this address, a link to a new password is on its way.")


@public
async def reset_password(request: web.Request) -> web.Response:
    body, language = await body_of(request, _RESET_PASSWORD), request.app[LANGUAGE](request)
    user_id = await passwords.reset_password(request.app[AUTH], request[REQUEST_ID], language, **body)
    await request.app[CATCH_UP](user_id)
    return web.Response(status=204)


@public
async def show_verify_email(request: web.Request) -> web.Response:
    return answer_page(VERIFY_EMAIL, request.app[LANGUAGE](request))


@public
async def show_confirm_email(request: web.Request) -> web.Response:
    return answer_page(CONFIRM_EMAIL, request.app[LANGUAGE](request))


@public
async def show_reset_password(request: web.Request) -> web.Response:
    return answer_page(RESET_PASSWORD, request.app[LANGUAGE](request))


def _accepted(request: web.Request, detail: str, *, replayed: bool = False) -> web.Response:
    """Say what is to come, and where mail goes that nobody sends."""
    text = detail + ("" if request.app[MAIL_IS_SET_UP] else _NOT_SET_UP)
    return answer({"detail": text}, status=202, replayed=replayed)
