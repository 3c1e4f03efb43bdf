"""Browsers of other sites: let in only where their origin is named in the settings."""

from dataclasses import replace

import pytest

APP = "https://app.example.com"
PREFLIGHT = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization,content-type"}


@pytest.fixture
def settings(settings):
    return replace(settings, cors_origins=(APP, "http://localhost:3000"))


async def test_preflight_of_an_allowed_origin_is_answered_without_sign_in(guest):
    for path in ("/books", "/books/x/entries/y", "/users/signin"):
        answer = await guest.ask("OPTIONS", path, headers={"Origin": APP, **PREFLIGHT})
        assert (answer.status, answer.content) == (204, b"")
        assert answer.headers["Access-Control-Allow-Origin"] == APP
        assert {"GET", "POST", "PUT", "PATCH", "DELETE"} <= set(
            answer.headers["Access-Control-Allow-Methods"].split(", ")
        )
        assert answer.headers["Access-Control-Allow-Headers"] == "authorization,content-type"
        assert int(answer.headers["Access-Control-Max-Age"]) > 0
        assert answer.headers["Vary"] == "Origin"


async def test_answer_to_an_allowed_origin_may_be_read_with_its_headers(home):
    for answer in (
        await home.get("/books", headers={"Origin": APP}),
        await home.get("/nope", headers={"Origin": APP}),
        await home.get("/wallet", headers={"Origin": APP, "Authorization": ""}),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == APP
        exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
        assert {"ETag", "Idempotency-Replayed", "Link", "Location", "Retry-After", "X-Request-Id"} <= exposed
        assert answer.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_other_origins_are_told_nothing(home):
    for origin in ("https://evil.example", "null", f"{APP}.evil.example", f"{APP}/", APP.upper(), "http://localhost"):
        answer = await home.get("/books", headers={"Origin": origin})
        preflight = await home.ask("OPTIONS", "/books", headers={"Origin": origin, **PREFLIGHT})
        assert (answer.status, preflight.status) == (200, 405)
        for each in (answer, preflight):
            assert not [name for name in each.headers if name.lower().startswith("access-control")]
            assert each.headers["Vary"] == "Origin"


async def test_request_without_an_origin_is_answered_the_same_for_all_caches(home):
    answer = await home.get("/books")

    assert answer.headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Origin" not in answer.headers
