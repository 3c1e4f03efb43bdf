"""The edge: what every request passes before and after everything else."""

import re
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final
from uuid import UUID

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from uuid_utils import uuid7

from auth.middleware import PRINCIPAL, REQUEST_ID

JSON_TYPES: Final = frozenset({"application/json", "application/merge-patch+json"})
_ENCODINGS: Final = frozenset({"", "identity", "gzip", "deflate", "br", "zstd"})
"""Those that aiohttp undoes where it can; where it cannot, it refuses them itself; the rest it passes over."""
_AS_IT_IS: Final = frozenset({"", "identity"})
"""For files: aiohttp takes a gzip stream that was cut short for a whole one."""
_EXPOSED: Final = "ETag, Idempotency-Replayed, Link, Location, Retry-After, X-Request-Id"
_HUNG_UP: Final = 499
"""What the log says, as nginx's does, of a client that left before its answer; nobody gets it."""
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_HEADERS: Final = {
    "Cache-Control": "private, no-store",
    "Server": "gagyebu",
    "X-Content-Type-Options": "nosniff",
}

_log = structlog.get_logger("http")


def edge(
    cors_origins: frozenset[str],
    answer_error: Callable[[Exception, str], web.Response],
) -> Middleware:
    """What every request passes: a request id, errors as problems, common headers, CORS, one line in the log."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        began_at = time.perf_counter()
        request_id = request[REQUEST_ID] = request_id_of(request)
        origin = request.headers.get("Origin")
        try:
            if origin in cors_origins and request.method == "OPTIONS":
                response: web.StreamResponse = _preflight(request)
            else:
                response = await handler(request)
        except Exception as error:
            response = (
                web.Response(status=_HUNG_UP) if _has_hung_up(request, error) else answer_error(error, request_id)
            )
        dress(response, request_id)
        headers = response.headers
        if cors_origins:
            headers["Vary"] = "Origin"
        if origin in cors_origins:
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Expose-Headers"] = _EXPOSED
        _log_access(request, response, request_id, began_at)
        return response

    return middleware


def request_id_of(request: web.BaseRequest) -> str:
    """The id that the client, or the proxy in front, gave to a request, or else a new one."""
    asked_id = request.headers.get("X-Request-Id", "")
    return asked_id if _REQUEST_ID.fullmatch(asked_id) else str(uuid7())


def dress(response: web.StreamResponse, request_id: str) -> None:
    """Put on the headers that every answer has."""
    headers = response.headers
    headers["X-Request-Id"] = request_id
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)


def _has_hung_up(request: web.Request, error: Exception) -> bool:
    return isinstance(error, ConnectionError) and (request.transport is None or request.transport.is_closing())


def media_types(uploads: Mapping[str, frozenset[str]]) -> Middleware:
    """Refuse bodies that a route cannot read, once it is known that there is one, and that whoever asks may.

    `uploads`: the paths, as routed, that take files or forms in place of JSON, and of which types.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.can_read_body and request.match_info.http_exception is None:
            _require_type(request, uploads)
        return await handler(request)

    return middleware


def _require_type(request: web.Request, uploads: Mapping[str, frozenset[str]]) -> None:
    """Raises: HTTPUnsupportedMediaType for a body of another type, or encoded otherwise, than the route takes."""
    resource = request.match_info.route.resource
    files = uploads.get(resource.canonical) if resource else None
    types, encodings = (files, _AS_IT_IS) if files else (JSON_TYPES, _ENCODINGS)
    encoding = ", ".join(request.headers.getall("Content-Encoding", ())).lower()
    if request.content_type not in types or encoding not in encodings:
        raise web.HTTPUnsupportedMediaType


def _preflight(request: web.Request) -> web.Response:
    allowed = {
        "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
        "Access-Control-Allow-Headers": request.headers.get("Access-Control-Request-Headers", ""),
        "Access-Control-Max-Age": "600",
    }
    return web.Response(status=204, headers=allowed)


def _log_access(request: web.Request, response: web.StreamResponse, request_id: str, began_at: float) -> None:
    """Log the route, never the path or query: those may hold personal text or secrets."""
    resource = request.match_info.route.resource
    _log.info(
        "request",
        method=request.method,
        route=resource.canonical if resource else None,
        status=response.status,
        ms=round((time.perf_counter() - began_at) * 1000, 2),
        request_id=request_id,
        **_who_may_not(request, response),
    )


def _who_may_not(request: web.Request, response: web.StreamResponse) -> dict[str, UUID]:
    """Who asked for what is not theirs to do (ASVS 16.3.2); anybody else is nobody's business."""
    principal = request.get(PRINCIPAL)
    return {"user_id": principal.user_id} if principal and response.status == HTTPStatus.FORBIDDEN else {}
