"""API tokens: made, listed, limited, revoked."""

import re
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

import auth.http
from tests.http.conftest import NOWHERE, PASSWORD, Household, entries_of

SCRIPT = {"name": "가계 스크립트", "scopes": ["write"]}


async def issued(home, **fields):
    return await home.made("/users/me/tokens", {**SCRIPT, **fields})


def script_of(home, token):
    """Whoever runs with an API token."""
    return Household(home.client, tokens={"access_token": token["token"]})


async def listed(home):
    return (await home.get("/users/me/tokens")).items


async def test_token_is_shown_once_with_what_it_may(home):
    answer = await home.post("/users/me/tokens", SCRIPT)
    token = answer.json

    assert answer.status == 201
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert {"id", "token", "name", "scopes", "books", "created_at", "expires_at", "last_used_on"} == token.keys()
    assert token["token"].startswith("gyb_")
    assert (token["name"], token["scopes"], token["books"]) == ("가계 스크립트", ["read", "write"], None)
    lasts = datetime.fromisoformat(token["expires_at"]) - datetime.fromisoformat(token["created_at"])
    assert abs(lasts - timedelta(days=90)) < timedelta(seconds=5)
    assert [{name: token[name] for name in token if name != "token"}] == await listed(home)


async def test_token_acts_for_its_user(home):
    script = script_of(home, await issued(home))
    book = await script.open_book()
    entry = await script.record(book)

    assert entry["created_by"] == (await home.get("/users/me")).json["id"]
    assert (await home.get(entries_of(book))).items[0]["id"] == entry["id"]


async def test_token_to_read_reads_and_changes_nothing(home, book):
    script = script_of(home, await issued(home, scopes=["read"]))

    for path in (f"/books/{book['id']}", "/books", "/wallet"):
        assert (await script.get(path)).status == 200
    assert (await script.ask("HEAD", "/wallet")).status == 200
    for method, path in [
        ("POST", "/books"),
        ("POST", entries_of(book)),
        ("PATCH", f"/books/{book['id']}"),
        ("DELETE", f"/books/{book['id']}"),
        ("POST", "/transfers"),
    ]:
        answer = await script.ask(method, path)
        assert answer.outcome == (403, "insufficient-scope")
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="write"'


async def test_token_reaches_no_route_of_the_account(home):
    script = script_of(home, await issued(home))
    routes = [route for route in auth.http.routes() if not hasattr(route.handler, "is_public")]
    reads = [("GET", "/users/me/sessions"), ("GET", "/users/me/tokens")]

    assert len(routes) > 3
    for method, path in [*reads, *((route.method, re.sub(r"\{\w+\}", NOWHERE, route.path)) for route in routes)]:
        answer = await script.ask(method, path)
        assert answer.outcome == (403, "insufficient-scope"), (method, path)
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="account"'
    assert len(await listed(home)) == 1


async def test_token_for_some_books_finds_no_other(home, book):
    other = await home.open_book(name="비밀")
    script = script_of(home, await issued(home, books=[book["id"]]))

    assert (await script.record(book))["book_id"] == book["id"]
    assert (await script.get(f"/books/{book['id']}/totals")).status == 200
    for method, path in [
        ("GET", f"/books/{other['id']}"),
        ("GET", entries_of(other)),
        ("POST", entries_of(other)),
        ("DELETE", f"/books/{other['id']}"),
        ("GET", f"/books/{NOWHERE}"),
        ("GET", "/books/x"),
    ]:
        assert (await script.ask(method, path)).outcome == (404, "book-not-found"), path
    for method, path in [("GET", "/books"), ("GET", "/wallet"), ("POST", "/books"), ("POST", "/transfers")]:
        answer = await script.ask(method, path)
        assert answer.outcome == (403, "insufficient-scope"), path
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'


async def test_token_for_one_book_changes_no_other_by_way_of_a_transfer(home, book):
    other = await home.open_book(name="비밀")
    sides = await home.made(
        "/transfers",
        {"from_book": book["id"], "to_book": other["id"], "amount": "5000", "occurred_on": "2026-02-17"},
    )
    path = f"{entries_of(book)}/{sides['from']['id']}"
    for books, expected in (([book["id"]], (403, "journal-not-writable")), ([book["id"], other["id"]], (200, None))):
        script = script_of(home, await issued(home, books=books))
        assert (await script.patch(path, {"amount": "1"})).outcome == expected
    assert (await home.get(path)).json["amount"] == "1"


async def test_token_is_no_way_into_the_books_of_others(home, stranger):
    theirs = await stranger.open_book()
    script = script_of(home, await issued(home, books=[theirs["id"]]))

    assert (await script.get(f"/books/{theirs['id']}")).outcome == (404, "book-not-found")


async def test_token_revoked_is_refused_at_once_and_listed_no_more(home):
    token, kept = await issued(home), await issued(home, name="other")
    assert (await script_of(home, token).get("/books")).status == 200

    assert (await home.delete(f"/users/me/tokens/{token['id']}")).status == 204
    assert (await script_of(home, token).get("/books")).outcome == (401, "unauthenticated")
    assert (await script_of(home, kept).get("/books")).status == 200
    assert [kept["id"]] == [item["id"] for item in await listed(home)]
    assert (await home.delete(f"/users/me/tokens/{token['id']}")).outcome == (404, "api-token-not-found")


async def test_token_of_another_or_of_nobody_is_not_found(home, stranger):
    theirs = await issued(stranger)
    for name in (theirs["id"], NOWHERE, "x", theirs["token"]):
        assert (await home.delete(f"/users/me/tokens/{name}")).outcome == (404, "api-token-not-found")
    assert (await script_of(stranger, theirs).get("/books")).status == 200


async def test_token_survives_the_end_of_the_session_that_made_it(home):
    token = await issued(home)
    assert (await home.post("/users/signout")).status == 204
    assert (await script_of(home, token).get("/books")).status == 200


async def test_token_survives_another_password_until_it_is_revoked(home):
    token = await issued(home)
    passwords = {"current_password": PASSWORD, "new_password": "another-Pferd-78"}
    assert (await home.ask("PUT", "/users/me/password", json=passwords)).status == 204

    assert (await script_of(home, token).get("/books")).status == 200
    assert [token["id"]] == [one["id"] for one in await listed(home)]


async def test_token_changed_in_any_place_is_refused(home, guest):
    text = (await issued(home))["token"]
    for changed in (
        text[:-1],
        f"{text}A",
        text.removeprefix("gyb_"),
        f"{text[:-3]}AAA",
        "gyb_",
        f"gyb_{text}",
        "gyb_x",
    ):
        answer = await script_of(home, {"token": changed}).get("/books")
        assert answer.outcome == (401, "unauthenticated"), changed


async def test_token_is_no_refresh_token_and_a_refresh_token_no_api_token(home):
    text, refresh_token = (await issued(home))["token"], home.tokens["refresh_token"]
    for shown in (text, text.removeprefix("gyb_")):
        assert (await home.post("/users/token", {"refresh_token": shown})).outcome == (401, "invalid-refresh-token")
    for shown in (refresh_token, f"gyb_{refresh_token}"):
        assert (await script_of(home, {"token": shown}).get("/books")).outcome == (401, "unauthenticated")


async def test_use_is_told_by_its_day_and_recorded_once(home, dsn):
    token = await issued(home)
    days = [datetime.now(UTC).date()]
    for _ in range(3):
        await script_of(home, token).get("/books")
    days.append(datetime.now(UTC).date())
    connection = await asyncpg.connect(dsn)
    recorded = await connection.fetchval("SELECT count(*) FROM eventstore.events WHERE topic = 'api_token.used'")
    await connection.close()

    assert (await listed(home))[0]["last_used_on"] in map(str, days)
    assert recorded == 1


async def test_request_made_twice_under_one_key_makes_one_token(home):
    key = {"Idempotency-Key": "once"}
    first, again = [await home.post("/users/me/tokens", SCRIPT, headers=key) for _ in range(2)]
    await home.delete(f"/users/me/tokens/{first.json['id']}")
    after = await home.post("/users/me/tokens", SCRIPT, headers=key)

    assert first.content == again.content == after.content
    assert "Idempotency-Replayed" not in first.headers
    assert (again.headers["Idempotency-Replayed"], after.headers["Idempotency-Replayed"]) == ("true", "true")
    assert await listed(home) == []
    other = await home.post("/users/me/tokens", {**SCRIPT, "name": "other"}, headers=key)
    assert other.outcome == (422, "idempotency-key-reused")


async def test_fifty_tokens_are_enough(home):
    tokens = [await issued(home, name=f"{number}") for number in range(50)]
    assert (await home.post("/users/me/tokens", SCRIPT)).outcome == (409, "too-many-api-tokens")
    await home.delete(f"/users/me/tokens/{tokens[0]['id']}")
    await issued(home)
    assert len(await listed(home)) == 50


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x00"}, "name"),
        ({"name": None}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["account"]}, "scopes.0"),
        ({"scopes": "read"}, "scopes"),
        ({"scopes": ["read", "write", "read"]}, "scopes"),
        ({"books": []}, "books"),
        ({"books": ["x"]}, "books.0"),
        ({"books": [NOWHERE] * 51}, "books"),
        ({"expires_in_seconds": 59}, "expires_in_seconds"),
        ({"expires_in_seconds": 365 * 86_400 + 1}, "expires_in_seconds"),
        ({"expires_in_seconds": 60.5}, "expires_in_seconds"),
        ({"expires_in_seconds": True}, "expires_in_seconds"),
        ({"other": 1}, "other"),
    ],
)
async def test_token_beyond_a_limit_is_refused_with_the_field(home, fields, field):
    answer = await home.post("/users/me/tokens", {**SCRIPT, **fields})
    assert answer.errors.keys() == {field}


async def test_token_takes_every_limit_to_its_end(home):
    for fields in (
        {"name": "가" * 100},
        {"expires_in_seconds": 60},
        {"expires_in_seconds": 365 * 86_400},
        {"books": [NOWHERE] * 50},
    ):
        await issued(home, **fields)
