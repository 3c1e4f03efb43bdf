"""The server below the router: what cannot be read as a request is answered like every other error."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage, ContentEncodingError, LineTooLong

from auth.edge import dress, request_id_of

TARGET_BYTES_MAX: Final = 32_768
"""The longest path and query: the 300 categories of a book fit, with a text and a tag whose letters are taken apart."""
_FIELD_BYTES_MAX: Final = 8_190
IDLE_SECONDS_MAX: Final = 75
"""Longer than nginx keeps a connection to us (60 s): it never asks on one that is about to be closed."""
BODY_SECONDS_MAX: Final = 30
_TOO_MANY_FIELDS: Final = "Too many headers received"

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
AnswerError = Callable[[Exception, str], web.Response]

_log = structlog.get_logger("http")


class Runner(web.AppRunner):
    """Runs an application, and answers by `answer_error` too what never reaches it.

    `idle_seconds_max`: how long a connection may stay open without a request whose head has come whole.
    `body_seconds_max`: how long a request may stay open of whose body nothing comes.
    """

    def __init__(
        self,
        app: web.Application,
        answer_error: AnswerError,
        *,
        idle_seconds_max: float = IDLE_SECONDS_MAX,
        body_seconds_max: float = BODY_SECONDS_MAX,
        **options: Any,
    ) -> None:
        options |= {"max_line_size": TARGET_BYTES_MAX, "max_field_size": _FIELD_BYTES_MAX}
        super().__init__(app, access_log=None, keepalive_timeout=idle_seconds_max, **options)
        self._answer_error, self._body_seconds_max = answer_error, body_seconds_max

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        handle = partial(_handle, made.request_handler, self._body_seconds_max)
        return _Server(handle, self._answer_error, request_factory=made.request_factory, **self._kwargs)


class _Server(web.Server):
    def __init__(self, handle: Handle, answer_error: AnswerError, **options: Any) -> None:
        super().__init__(handle, **options)
        self._answer_error = answer_error

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, self._answer_error, loop=self._loop, **self._kwargs)


class _Connection(web.RequestHandler):
    __slots__ = ("_answer_error",)

    def __init__(self, server: web.Server, answer_error: AnswerError, **options: Any) -> None:
        super().__init__(server, **options)
        self._answer_error = answer_error

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        request = self._current_request
        if request is not None and self._messages and hasattr(self._messages[-1][0], "exc"):
            _fail_body(request, web.RequestPayloadError())  # aiohttp leaves whoever reads it waiting for the rest

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer, and close. Raises: ConnectionError where another answer has begun."""
        if request.writer.output_size > 0:
            raise ConnectionError("half an answer is out: only hanging up tells that it is not whole")
        request_id = request_id_of(request)
        response = self._answer_error(_as_answered(status, exc), request_id)
        dress(response, request_id)
        response.force_close()
        _log.info("request that reached no route", status=response.status, request_id=request_id)
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        if isinstance(resp, web.HTTPException):  # raised before the edge: what a request expects cannot be met
            resp = self.handle_error(request, resp.status, resp)
        if request.content.exception() is not None:
            self._lingering_time = 0  # nothing more is to come
            resp.force_close()
        return await super().finish_response(request, resp, start_time)


async def _handle(handle: Handle, body_seconds_max: float, request: web.BaseRequest) -> web.StreamResponse:
    """Handle a request; whoever waits for a body of which nothing comes gets an error."""
    if request.content.is_eof():
        return await handle(request)
    watch = asyncio.create_task(_fail_when_stalled(request, body_seconds_max))
    try:
        return await handle(request)
    finally:
        watch.cancel()


async def _fail_when_stalled(request: web.BaseRequest, seconds_max: float) -> None:
    """A body that comes faster than it is read is held back by us, which is no fault of the client's."""
    bytes_seen = None
    while request.content.total_bytes != bytes_seen or not (request.transport and request.transport.is_reading()):
        bytes_seen = request.content.total_bytes
        await asyncio.sleep(seconds_max)
    _fail_body(request, web.HTTPRequestTimeout())


def _fail_body(request: web.BaseRequest, error: Exception) -> None:
    if not request.content.is_eof():
        request.content.set_exception(error)


def _as_answered(status: int, error: BaseException | None) -> Exception:
    """What the parser says quotes the request, whose headers hold secrets: only the kind of error is told."""
    if isinstance(error, LineTooLong):
        return (
            web.HTTPRequestURITooLong() if error.args[1] == TARGET_BYTES_MAX else web.HTTPRequestHeaderFieldsTooLarge()
        )
    if isinstance(error, ContentEncodingError):
        return web.HTTPUnsupportedMediaType()
    if isinstance(error, BadHttpMessage) and error.message == _TOO_MANY_FIELDS:
        return web.HTTPRequestHeaderFieldsTooLarge()
    if status == HTTPStatus.BAD_REQUEST or not isinstance(error, Exception):
        return web.HTTPBadRequest()
    return error
