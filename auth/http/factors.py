"""The routes of what is shown beside the password, or instead of it."""

from typing import Any, Final
from uuid import UUID

from aiohttp import web

from auth import schemas
from auth.commands import passkeys as passkey_commands
from auth.commands import totp as totp_commands
from auth.commands.deciding import Auth
from auth.errors import PasskeyNotFound
from auth.http.requests import (
    ANSWER_PASSKEYS,
    AUTH,
    LANGUAGE,
    OPERATION,
    RESOURCES,
    address_of,
    answer,
    body_of,
    id_in_path,
    metadata_of,
)
from auth.middleware import PRINCIPAL
from auth.passkeys import Passkey
from auth.totp import Totp
from eventstore.codec import Metadata

_ASK: Final = schemas.AskPresent()
_ENROLL: Final = schemas.EnrollTotp()
_CONFIRM: Final = schemas.ConfirmTotp()
_REAUTHENTICATE: Final = schemas.Reauthenticate()
_REGISTER: Final = schemas.RegisterPasskey()


def routes() -> list[web.RouteDef]:
    return [
        web.get("/users/me/factors", show_factors),
        web.post("/users/me/totp", enroll_totp),
        web.post("/users/me/totp/confirm", confirm_totp),
        web.post("/users/me/totp/recovery-codes", renew_recovery_codes),
        web.delete("/users/me/totp", disable_totp),
        web.get("/users/me/passkeys", show_passkeys),
        web.post("/users/me/passkeys/options", begin_passkey),
        web.post("/users/me/passkeys", register_passkey),
        web.delete("/users/me/passkeys/{passkey}", remove_passkey),
    ]


async def show_factors(request: web.Request) -> web.Response:
    auth, user_id = request.app[AUTH], request[PRINCIPAL].user_id
    totp = await totp_commands.load_totp(auth, user_id)
    passkeys = await passkey_commands.list_passkeys(auth, user_id)
    return answer({"totp": _totp_view(totp), "passkeys": [_passkey_view(passkey) for passkey in passkeys]})


async def enroll_totp(request: web.Request) -> web.Response:
    body = await body_of(request, _ENROLL)
    secret, uri = await totp_commands.enroll_totp(*_asked_by(request), **body)
    return answer({"secret": secret, "otpauth_uri": uri}, status=201)


async def confirm_totp(request: web.Request) -> web.Response:
    body = await body_of(request, _CONFIRM)
    return answer({"recovery_codes": await totp_commands.confirm_totp(*_changed_by(request), **body)})


async def renew_recovery_codes(request: web.Request) -> web.Response:
    request.app[RESOURCES].require_untagged(request)
    body = await body_of(request, _REAUTHENTICATE)
    return answer({"recovery_codes": await totp_commands.renew_recovery_codes(*_changed_by(request), **body)})


async def disable_totp(request: web.Request) -> web.Response:
    request.app[RESOURCES].require_untagged(request)
    await totp_commands.disable_totp(*_changed_by(request), **await body_of(request, _REAUTHENTICATE))
    return web.Response(status=204)


async def show_passkeys(request: web.Request) -> web.Response:
    _ASK.load(request.query)
    passkeys = await passkey_commands.list_passkeys(request.app[AUTH], request[PRINCIPAL].user_id)
    return request.app[ANSWER_PASSKEYS](request, [_passkey_view(passkey) for passkey in passkeys])


async def begin_passkey(request: web.Request) -> web.Response:
    body = await body_of(request, _REAUTHENTICATE)
    return answer(await passkey_commands.begin_passkey(*_asked_by(request), **body))


async def register_passkey(request: web.Request) -> web.Response:
    body = await body_of(request, _REGISTER)
    auth, metadata, user_id = request.app[AUTH], await request.app[OPERATION](request), request[PRINCIPAL].user_id
    language = request.app[LANGUAGE](request)
    passkey, replayed = await passkey_commands.register_passkey(auth, metadata, user_id, language, **body)
    return answer(_passkey_view(passkey), status=201, replayed=replayed)


async def remove_passkey(request: web.Request) -> web.Response:
    request.app[RESOURCES].require_untagged(request)
    body = await body_of(request, _REAUTHENTICATE)
    passkey_id = id_in_path(request, "passkey", PasskeyNotFound)
    await passkey_commands.remove_passkey(*_changed_by(request), passkey_id, **body)
    return web.Response(status=204)


def _asked_by(request: web.Request) -> tuple[Auth, Metadata, UUID, str]:
    """What the commands here begin with: what they work on, in which request, for whom, and from which address."""
    return request.app[AUTH], metadata_of(request), request[PRINCIPAL].user_id, address_of(request)


def _changed_by(request: web.Request) -> tuple[Auth, Metadata, UUID, str, str]:
    """The same, and in which language its user is told of the change."""
    return (*_asked_by(request), request.app[LANGUAGE](request))


def _totp_view(totp: Totp | None) -> dict[str, Any] | None:
    if totp is None or not totp.enabled:
        return None
    return {"confirmed_at": totp.confirmed_at, "recovery_codes_left": len(totp.recovery_hashes)}


def _passkey_view(passkey: Passkey) -> dict[str, Any]:
    return {
        "id": passkey.id,
        "name": passkey.name,
        "synced": passkey.synced,
        "clone_suspected": passkey.clone_suspected,
        "created_at": passkey.created_at,
        "last_used_at": passkey.last_used_at,
    }
