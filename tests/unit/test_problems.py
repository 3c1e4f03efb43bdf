"""Errors as problems: one shape for every one of them."""

import dataclasses
from datetime import date
from uuid import UUID

import orjson
import pytest
from aiohttp import web
from marshmallow import ValidationError

from eventstore.errors import StoreUnavailable
from ledger.errors import BookNotFound, CategoryExists, InvalidField
from ledger.problems import (
    MEDIA_TYPE,
    PROTOCOL_PROBLEMS,
    field_errors,
    problem_of,
    problem_page,
    problem_pages,
    slug_of,
)
from service import STATUSES

SHAPE = {"type", "title", "status", "detail", "instance"}


def answered(error):
    response = problem_of(error, "request-1", STATUSES)
    assert MEDIA_TYPE == response.content_type
    return response, orjson.loads(response.body)


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ({"name": ["Too long."]}, [("name", "Too long.")]),
        ({"name": ["Too long.", "Too dull."]}, [("name", "Too long."), ("name", "Too dull.")]),
        ({"name": "Too long."}, [("name", "Too long.")]),
        ({"tags": {0: ["Too long."], 2: ["Empty."]}}, [("tags.0", "Too long."), ("tags.2", "Empty.")]),
        ({"a": {"b": {"_schema": ["Wrong."]}}}, [("a.b", "Wrong.")]),
        ({"_schema": ["Invalid input type."]}, [("", "Invalid input type.")]),
        ({"_schema": {"name": ["Wrong."]}}, [("name", "Wrong.")]),
        (["Wrong."], [("", "Wrong.")]),
        ("Wrong.", [("", "Wrong.")]),
    ],
)
def test_field_errors_of_nested_messages_are_flat(messages, expected):
    errors = field_errors(ValidationError(messages))
    assert [{"field": field, "message": message} for field, message in expected] == errors


def test_field_errors_of_a_named_field_name_it():
    assert [{"field": "cursor", "message": "Wrong."}] == field_errors(ValidationError("Wrong.", "cursor"))


@pytest.mark.parametrize(
    ("name", "slug"), [("BookNotFound", "book-not-found"), ("TooBusy", "too-busy"), ("Conflict", "conflict")]
)
def test_slug_of_an_error_is_its_name(name, slug):
    assert slug == slug_of(name)


@pytest.mark.parametrize(("kind", "status"), [(kind, status) for kind, status in STATUSES.items() if status != 422])
def test_problem_of_every_expected_error_has_its_status_and_the_one_shape(kind, status):
    given = {str: "Food", int: 3, date: date(2026, 10, 31), UUID: UUID(int=1)}
    fields = dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ()
    required = [given[field.type] for field in fields if field.default is dataclasses.MISSING]
    response, body = answered(kind(*required))
    assert (status, status) == (response.status, body["status"])
    assert SHAPE | ({"version"} if status == 412 else set()) == body.keys()
    assert (f"/problems/{slug_of(kind.__name__)}", "request-1") == (body["type"], body["instance"])
    assert "{" not in body["detail"]


def test_problem_of_an_error_with_data_says_it():
    _, body = answered(CategoryExists("Food"))
    assert "This book already has a category of that kind with the name “Food”." == body["detail"]


def test_problem_of_an_invalid_field_names_it():
    response, body = answered(InvalidField("amount", "Too small."))
    assert (422, "/problems/invalid-request") == (response.status, body["type"])
    assert [{"field": "amount", "message": "Too small."}] == body["errors"]


def test_problem_of_a_validation_error_names_every_field():
    _, body = answered(ValidationError({"name": ["Too long."], "kind": ["Unknown."]}))
    assert ["name", "kind"] == [error["field"] for error in body["errors"]]


def test_problem_of_malformed_json_says_so():
    with pytest.raises(orjson.JSONDecodeError) as caught:
        orjson.loads(b"{")
    response, body = answered(caught.value)
    assert (400, "/problems/malformed-json") == (response.status, body["type"])


def test_problem_of_an_unexpected_error_shows_nothing_of_the_inside():
    response, body = answered(RuntimeError("secret of the inside"))
    assert (500, "/problems/internal-error") == (response.status, body["type"])
    assert b"secret" not in response.body


def test_problem_of_an_unknown_method_keeps_allow():
    response, _ = answered(web.HTTPMethodNotAllowed("PUT", ["GET", "POST"]))
    assert (405, "GET,POST") == (response.status, response.headers["Allow"])


@pytest.mark.parametrize(("status", "slug"), [(404, "not-found"), (413, "payload-too-large"), (415, None)])
def test_problem_of_the_protocol_has_its_own_slug(status, slug):
    error = {404: web.HTTPNotFound(), 413: web.HTTPRequestEntityTooLarge(1, 2), 415: web.HTTPUnsupportedMediaType()}
    response, body = answered(error[status])
    assert (status, f"/problems/{slug or 'unsupported-media-type'}") == (response.status, body["type"])


def test_problem_of_an_unavailable_store_says_when_to_retry():
    response, _ = answered(StoreUnavailable())
    assert (503, "1") == (response.status, response.headers["Retry-After"])


def test_every_problem_has_a_page_that_explains_it():
    pages = problem_pages(STATUSES)
    own = {slug_of(kind.__name__) for kind, status in STATUSES.items() if status != 422}
    assert own | {slug for slug, _ in PROTOCOL_PROBLEMS.values()} <= pages.keys()
    for slug, (status, _) in pages.items():
        page = problem_page(slug, STATUSES)
        assert f"HTTP status {status}." in page.text
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize("slug", ["", "nothing", "<script>"])
def test_problem_page_of_an_unknown_slug_is_not_found(slug):
    with pytest.raises(web.HTTPNotFound):
        problem_page(slug, STATUSES)


def test_book_not_found_is_a_404_for_strangers_too():
    assert 404 == answered(BookNotFound())[0].status
