"""What every route of the ledger takes from a request."""

import hmac
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from aiohttp import web
from marshmallow import Schema, ValidationError

from eventstore.codec import Metadata, canonical
from eventstore.operations import KEY_HEADER, operation_id
from eventstore.settings import time_zone_of
from ledger.commands.deciding import Ledger
from ledger.errors import BookNotFound, LedgerError
from ledger.starter import LANGUAGES

LEDGER: Final = web.AppKey("ledger", Ledger)
TIME_ZONE: Final = web.AppKey("time_zone", ZoneInfo)
METADATA: Final = web.RequestKey("metadata", Metadata)
OPERATION_SECRET: Final = web.AppKey("operation_secret", bytes)
PUBLIC_URL: Final = web.AppKey("public_url", str)
"""Where clients find the service, without a slash at its end."""

Clock = Callable[[], datetime]
CLOCK: Final[web.AppKey[Clock]] = web.AppKey("clock")
CatchUp = Callable[[Collection[UUID]], Awaitable[None]]
CATCH_UP: Final[web.AppKey[CatchUp]] = web.AppKey("catch_up_books")
"""Brings the read models up to date with some books, for effects that are seen without naming the book."""

View = dict[str, Any]


@dataclass(frozen=True)
class Reads:
    """What the write side shows of the read side; the user and the book come first. Raises: BookNotFound."""

    book: Callable[[UUID | None, UUID], Awaitable[View]]
    book_at: Callable[[UUID | None, UUID, int], Awaitable[View]]
    """At a position of its journal."""
    member: Callable[[UUID | None, UUID, UUID], Awaitable[View]]
    """Raises: MemberNotFound."""
    closings: Callable[[UUID | None, UUID], Awaitable[View]]


READS: Final = web.AppKey("reads", Reads)


def book_id(request: web.Request) -> UUID:
    """The book in the path. Raises: BookNotFound."""
    return id_in_path(request, "book", BookNotFound)


def id_in_path(request: web.Request, name: str, not_found: type[LedgerError]) -> UUID:
    """An id in the path; what is no UUID names nothing that exists."""
    try:
        return UUID(request.match_info[name])
    except ValueError:
        raise not_found from None


def query_of(request: web.Request, *lists: str) -> dict[str, Any]:
    """The query; of `lists` all that is given, of anything else a second value is refused. Raises: ValidationError."""
    query: dict[str, Any] = {}
    for name, value in request.query.items():
        if name in lists:
            query.setdefault(name, []).append(value)
        elif name in query:
            raise ValidationError("This is given twice: say one.", name)
        else:
            query[name] = value
    return query


async def body_of(request: web.Request, schema: Schema) -> dict[str, Any]:
    """Read and validate a JSON body; none at all counts as an empty object.

    Raises: ValidationError, JSONDecodeError.
    """
    content = await request.read()
    loaded: dict[str, Any] = schema.load(orjson.loads(content) if content else {})
    return loaded


async def operation_of(request: web.Request) -> Metadata:
    """Who asks, and for which operation: one Idempotency-Key of one user at one address names one.

    Raises: ValidationError, JSONDecodeError.
    """
    if KEY_HEADER not in request.headers:
        return request[METADATA]
    content = await request.read()
    body = orjson.loads(content) if content else {}
    try:
        return keyed(request, canonical(body))
    except orjson.JSONEncodeError:  # it reads 1,024 levels and writes 254
        raise ValidationError("The body is nested too deeply.") from None


def keyed(request: web.Request, content: bytes) -> Metadata:
    """As operation_of, for a request with this content. Raises: ValidationError."""
    metadata, key = request[METADATA], request.headers.get(KEY_HEADER)
    if key is None or metadata.actor is None:
        return metadata
    secret = request.app[OPERATION_SECRET]
    try:
        operation = operation_id(secret, key, str(metadata.actor), request.method, request.path)
    except ValueError as error:
        raise ValidationError(str(error), KEY_HEADER) from None
    # Keyed: what is hashed may be short personal text, and the fingerprint outlives its erasure.
    asked = b"\n".join([b"request", operation.bytes, request.query_string.encode(), content])
    return replace(metadata, operation=operation, fingerprint=hmac.digest(secret, asked, "sha256")[:16].hex())


def today(request: web.Request) -> date:
    """The day in the client's Time-Zone header, or in the service's time zone.

    Raises: ValidationError.
    """
    name = request.headers.get("Time-Zone")
    try:
        zone = time_zone_of(name) if name else request.app[TIME_ZONE]
    except ValueError:
        raise ValidationError("Time-Zone is an IANA name such as Asia/Seoul.", "Time-Zone") from None
    return request.app[CLOCK]().astimezone(zone).date()


def preferred_language(request: web.Request) -> str:
    """The first language of Accept-Language that we speak, by quality; Korean without one."""
    ranked = []
    for place, item in enumerate(request.headers.get("Accept-Language", "").split(",")):
        tag, _, quality = item.replace(" ", "").lower().partition(";q=")
        try:
            weight = float(quality or 1)
        except ValueError:
            weight = 0.0
        if weight > 0:
            ranked.append((-weight, place, tag.partition("-")[0]))
    return next((language for _, _, language in sorted(ranked) if language in LANGUAGES), LANGUAGES[0])


async def read_book(request: web.Request, book: UUID, position: int | None = None) -> View:
    """The book as it is shown, now or at a position of its journal."""
    reads, actor = request.app[READS], request[METADATA].actor
    return await (reads.book(actor, book) if position is None else reads.book_at(actor, book, position))
