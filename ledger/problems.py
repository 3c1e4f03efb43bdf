"""Errors as answers: one problem+json shape for every one of them (RFC 9457)."""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
import structlog
from aiohttp import web
from marshmallow import ValidationError

from ledger.answers import to_json
from ledger.errors import InvalidFile

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 1

# Errors that HTTP itself, or the proxy in front, answers with.
PROTOCOL_PROBLEMS: Final[dict[int, tuple[str, str]]] = {
    400: ("bad-request", "The request cannot be read."),
    404: ("not-found", "There is nothing at this address."),
    405: ("method-not-allowed", "This address does not take this method; the Allow header lists those it takes."),
    408: ("request-timeout", "The request took too long to arrive."),
    412: ("precondition-failed", "What this changes has no ETag, so that no If-Match holds for it but *."),
    413: ("payload-too-large", "The body is too large: at most 1 MiB, imports 64 MiB."),
    414: ("uri-too-long", "The address is too long."),
    415: (
        "unsupported-media-type",
        "The body must be JSON (application/json), as it is or by gzip, or a file to import, as it is.",
    ),
    417: ("expectation-failed", "What the Expect header asks for cannot be met: only “100-continue” can."),
    422: ("invalid-request", "Some fields are not valid; each is named with what is wrong."),
    431: ("header-fields-too-large", "The header fields are too large."),
    500: ("internal-error", "Something went wrong here; it was noted with the request id."),
    502: ("bad-gateway", "The service cannot be reached at the moment: try again."),
    503: ("unavailable", "The service is not available at the moment: try again."),
    504: ("gateway-timeout", "The service took too long to answer: try again."),
}

Statuses = Mapping[type[Exception], int]
"""The status that each error is answered with; those with 422 name the `field` and a `message`."""

_IN_FIELD: Final = ("field", "message")
_PLACE: Final = re.compile(r"\{[a-z_]+\}")
"""Where a message names what it is about; a page is about none."""

_log = structlog.get_logger("problems")


def slug_of(name: str) -> str:
    """`BookNotFound` is known as book-not-found."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def problem(
    status: int,
    slug: str,
    detail: str,
    request_id: str,
    errors: Sequence[Mapping[str, Any]] | None = None,
    version: int | None = None,
) -> web.Response:
    """Answer with a problem; its type leads to a page that explains it. `version`: what the resource has now."""
    body: dict[str, Any] = {
        "type": f"/problems/{slug}",
        "title": slug.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        "instance": request_id,
    }
    if errors:
        body["errors"] = errors
    if version is not None:
        body["version"] = version
    return web.Response(body=to_json(body), status=status, content_type=MEDIA_TYPE)


def field_errors(error: ValidationError) -> list[dict[str, str]]:
    """What is wrong, field by field; a field within a list is `tags.0`."""
    return [{"field": field, "message": message} for field, message in _flat("", error.normalized_messages())]  # type: ignore[no-untyped-call]


def _flat(path: str, messages: Any) -> Iterator[tuple[str, str]]:
    if isinstance(messages, dict):
        for name, inner in messages.items():
            step = "" if name == "_schema" else str(name)
            yield from _flat(f"{path}.{step}" if path and step else path or step, inner)
    elif isinstance(messages, list):
        for message in messages:
            yield from _flat(path, message)
    else:
        yield path, str(messages)


def problem_of(error: Exception, request_id: str, statuses: Statuses) -> web.Response:
    """Turn an error into its answer; what is not expected is logged, and shows nothing of the inside."""
    if isinstance(error, web.RequestPayloadError):  # a body cut short, or not in the encoding that it claims
        error = web.HTTPBadRequest()
    if isinstance(error, web.HTTPException):
        return _protocol_problem(error.status, request_id, error.headers.get("Allow"))
    if isinstance(error, orjson.JSONDecodeError):
        return problem(400, "malformed-json", f"The body is no JSON: {error}.", request_id)
    if isinstance(error, ValidationError | InvalidFile):
        errors = field_errors(error) if isinstance(error, ValidationError) else [one._asdict() for one in error.errors]
        return problem(422, *PROTOCOL_PROBLEMS[422], request_id, errors)
    status = next((code for kind, code in statuses.items() if isinstance(error, kind)), 500)
    if status == 500:
        _log.error("unexpected error", request_id=request_id, exc_info=error)
        return _protocol_problem(500, request_id, None)
    if status == 422 and not _has_own_page(type(error)):
        return problem(422, *PROTOCOL_PROBLEMS[422], request_id, [{name: vars(error)[name] for name in _IN_FIELD}])
    return _refusal(error, status, request_id)


def _has_own_page(kind: type[Exception]) -> bool:
    """Errors that word their message for each case share the page of invalid requests."""
    return kind.__doc__ != "{message}"


def _refusal(error: Exception, status: int, request_id: str) -> web.Response:
    errors = [{"field": vars(error)["field"], "message": str(error)}] if status == 422 else None
    version, etag = getattr(error, "version", None), getattr(error, "etag", None)
    response = problem(status, slug_of(type(error).__name__), str(error), request_id, errors, version)
    if etag is not None:
        response.headers["ETag"] = f'"{etag}"'
    challenge = getattr(error, "challenge", "Bearer" if status == 401 else None)
    if challenge is not None:
        response.headers["WWW-Authenticate"] = challenge
    if status in {429, 503}:
        response.headers["Retry-After"] = str(getattr(error, "retry_after_seconds", RETRY_AFTER_SECONDS))
    return response


def _protocol_problem(status: int, request_id: str, allow: str | None) -> web.Response:
    slug, detail = PROTOCOL_PROBLEMS.get(status, PROTOCOL_PROBLEMS[400])
    response = problem(status, slug, detail, request_id)
    if allow is not None:
        response.headers["Allow"] = allow
    return response


def problem_pages(statuses: Statuses) -> dict[str, tuple[int, str]]:
    """Every problem there is: {slug: (status, explanation)}; those of 422 have one page for all."""
    own = (
        (slug_of(kind.__name__), status, kind.__doc__ or "") for kind, status in statuses.items() if _has_own_page(kind)
    )
    pages = {slug: (status, _PLACE.sub("…", text)) for slug, status, text in own}
    pages |= {slug: (status, text) for status, (slug, text) in PROTOCOL_PROBLEMS.items()}
    return pages | {"malformed-json": (400, "The body is no JSON (RFC 8259).")}


def problem_page(slug: str, statuses: Statuses) -> web.Response:
    """A page that explains a problem to people. Raises: HTTPNotFound."""
    try:
        status, explanation = problem_pages(statuses)[slug]
    except KeyError:
        raise web.HTTPNotFound from None
    title = html.escape(slug.replace("-", " ").capitalize())
    text = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<h1>{title}</h1><p>{html.escape(explanation)}</p><p>HTTP status {status}.</p></html>
"""
    policy = "default-src 'none'; frame-ancestors 'none'"
    return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": policy})
