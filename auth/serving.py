"""The server below the router: what cannot be read as a request is answered like every other error."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage, ContentEncodingError, LineTooLong

from auth.edge import dress, request_id_of

TARGET_BYTES_MAX: Final = 32_768
"""The longest path and query: the 300 categories of a book fit, with a text and a tag whose letters are taken apart."""
_FIELD_BYTES_MAX: Final = 8_190
_TOO_MANY_FIELDS: Final = "Too many headers received"

AnswerError = Callable[[Exception, str], web.Response]

_log = structlog.get_logger("http")


class Runner(web.AppRunner):
    """Runs an application, and answers by `answer_error` too what never reaches it."""

    def __init__(self, app: web.Application, answer_error: AnswerError, **options: Any) -> None:
        options |= {"max_line_size": TARGET_BYTES_MAX, "max_field_size": _FIELD_BYTES_MAX}
        super().__init__(app, access_log=None, **options)
        self._answer_error = answer_error

    async def _make_server(self) -> web.Server:
        return _Server(await super()._make_server(), self._answer_error, self._kwargs)


class _Server(web.Server):
    def __init__(self, made: web.Server, answer_error: AnswerError, options: dict[str, Any]) -> None:
        super().__init__(made.request_handler, request_factory=made.request_factory, **options)
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
        return await super().finish_response(request, resp, start_time)


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
