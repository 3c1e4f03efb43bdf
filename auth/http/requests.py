"""What every route of the accounts takes from a request, and how it answers."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

import orjson
from aiohttp import web
from marshmallow import Schema

from auth.addresses import Network, client_address
from auth.commands.bearer import BearerTokens
from auth.commands.deciding import Auth
from auth.commands.users import WholeAccounts
from auth.errors import AuthError
from auth.later import Later
from auth.middleware import PRINCIPAL, REQUEST_ID
from auth.tokens import Principal
from eventstore.codec import Metadata

AUTH: Final = web.AppKey("auth", Auth)
ACCOUNTS: Final = web.AppKey("accounts", WholeAccounts)
CatchUp = Callable[[UUID], Awaitable[None]]
CATCH_UP: Final[web.AppKey[CatchUp]] = web.AppKey("catch_up")
"""Brings the denylist up to date with a user's journal."""
BEARER: Final = web.AppKey("bearer", BearerTokens)
Authenticate = Callable[[str | None], Awaitable[Principal]]
AUTHENTICATE: Final[web.AppKey[Authenticate]] = web.AppKey("authenticate")
"""Tells whom an Authorization header speaks for. Raises: Unauthenticated."""
Operation = Callable[[web.Request], Awaitable[Metadata]]
OPERATION: Final[web.AppKey[Operation]] = web.AppKey("operation")
"""Who asks, and for which operation: that of the Idempotency-Key. Raises: ValidationError, JSONDecodeError."""
CountApiTokens = Callable[[UUID], Awaitable[int]]
COUNT_API_TOKENS: Final[web.AppKey[CountApiTokens]] = web.AppKey("count_api_tokens")
"""How many API tokens of a user can be used."""
AnswerList = Callable[[web.Request, list[dict[str, Any]]], web.Response]
ANSWER_PASSKEYS: Final[web.AppKey[AnswerList]] = web.AppKey("answer_passkeys")
"""Answers with passkeys, or the page of them that is asked for. Raises: ValidationError."""
Today = Callable[[web.Request], date]
TODAY: Final[web.AppKey[Today]] = web.AppKey("today")
"""The day where the client is."""
TRUSTED_PROXIES: Final[web.AppKey[Collection[Network]]] = web.AppKey("trusted_proxies")

Language = Callable[[web.Request], str]
LANGUAGE: Final[web.AppKey[Language]] = web.AppKey("language")
"""The language that the client prefers."""
LATER: Final = web.AppKey("later", Later)
"""Work that an answer does not wait for."""
MAIL_IS_SET_UP: Final = web.AppKey("mail_is_set_up", bool)


@dataclass(frozen=True)
class Resources:
    """How the whole API answers with a resource, and checks what clients expect of one.

    `require_match` takes the view, the error to raise where it is another than the client knows, and its version;
    `require_untagged` checks what clients expect of what has no entity tag.
    """

    answer: Callable[[web.Request, Any], web.Response]
    require_match: Callable[[web.Request, Any, Callable[[int, str], Exception], int], None]
    require_untagged: Callable[[web.Request], None]


RESOURCES: Final = web.AppKey("resources", Resources)

USER_AGENT_LENGTH_MAX: Final = 500


def metadata_of(request: web.Request) -> Metadata:
    """Who acts, in which request."""
    return Metadata(request[PRINCIPAL].user_id, request[REQUEST_ID])


def client_of(request: web.Request) -> dict[str, Any]:
    """What is noted of the client with its session."""
    user_agent = request.headers.get("User-Agent", "")[:USER_AGENT_LENGTH_MAX]
    # Bytes that are no UTF-8 come as lone surrogates, which JSON cannot hold.
    return {"user_agent": user_agent.encode(errors="replace").decode(), "ip": address_of(request)}


def address_of(request: web.Request) -> str:
    """Where a request comes from, as far as the proxies that we trust tell."""
    forwarded_for = request.headers.getall("X-Forwarded-For", ())
    return client_address(request.remote or "", forwarded_for, request.app[TRUSTED_PROXIES])


async def body_of(request: web.Request, schema: Schema) -> dict[str, Any]:
    """Read and validate a JSON body; none at all counts as an empty object.

    Raises: ValidationError, JSONDecodeError.
    """
    content = await request.read()
    loaded: dict[str, Any] = schema.load(orjson.loads(content) if content else {})
    return loaded


def id_in_path(request: web.Request, name: str, not_found: type[AuthError]) -> UUID:
    """An id in the path; what is no UUID names nothing that exists."""
    try:
        return UUID(request.match_info[name])
    except ValueError:
        raise not_found from None


def answer(view: Any, *, status: int = 200, replayed: bool = False) -> web.Response:
    """Answer with JSON. `replayed`: the same Idempotency-Key had this answer before."""
    body = orjson.dumps(view, default=str, option=orjson.OPT_UTC_Z)  # str: the driver's UUIDs are of a class of its own
    headers = {"Idempotency-Replayed": "true"} if replayed else None
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)
