"""What a token is worth, and its end: asked by registered services, and by users for their own."""

import base64
from urllib.parse import quote_plus, urlencode
from uuid import uuid4

import pytest

from auth.commands.clients import add_client, remove_client
from tests.http.conftest import Household

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def basic(client_id, secret):
    text = f"{quote_plus(str(client_id))}:{quote_plus(secret)}"
    return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


@pytest.fixture
async def credentials(store):
    return await add_client(store, "test", "reports")


@pytest.fixture
def service(guest, credentials):
    """A registered service."""
    return guest, basic(credentials.client_id, credentials.secret)


async def ask(asker, what, token, headers=None, **fields):
    who, credentials = asker if isinstance(asker, tuple) else (asker, {})
    body = urlencode({"token": token, **fields})
    return await who.ask("POST", f"/oauth/{what}", data=body, headers={**FORM, **credentials, **(headers or {})})


async def introspected(asker, token, **fields):
    answer = await ask(asker, "introspect", token, **fields)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.headers["Cache-Control"] == "private, no-store"
    return answer.json


async def revoked(asker, token, **fields):
    answer = await ask(asker, "revoke", token, **fields)
    assert (answer.status, answer.content) == (200, b"")


async def test_service_learns_what_an_access_token_is_worth(home, service):
    user, (session,) = (await home.get("/users/me")).json, (await home.get("/users/me/sessions")).items
    told = await introspected(service, home.tokens["access_token"])

    assert told.pop("exp") - told.pop("iat") == 900
    assert told.pop("jti")
    assert {
        "active": True,
        "sub": user["id"],
        "sid": session["id"],
        "amr": ["pwd"],
        "iss": "http://127.0.0.1:8080",
        "aud": "http://127.0.0.1:8080",
        "token_type": "Bearer",
        "scope": "account read write",
    } == told


async def test_service_learns_what_a_refresh_token_is_worth_without_spending_it(home, service):
    token = home.tokens["refresh_token"]
    for hint in ("refresh_token", "access_token", "nonsense"):
        told = await introspected(service, token, token_type_hint=hint)
        assert (told["active"], told["token_type"]) == (True, "refresh_token")
        assert told["exp"] - told["iat"] == 30 * 86_400
        assert "scope" not in told
    assert (await home.post("/users/token", {"refresh_token": token})).status == 200
    assert await introspected(service, token) == {"active": False}


async def test_service_learns_what_an_api_token_is_worth(home, book, service):
    token = await home.made("/users/me/tokens", {"name": "x", "scopes": ["read"], "books": [book["id"]]})
    told = await introspected(service, token["token"])

    assert (told["active"], told["scope"], told["books"], told["jti"]) == (True, "read", [book["id"]], token["id"])
    assert told["exp"] - told["iat"] == 90 * 86_400
    await home.delete(f"/users/me/tokens/{token['id']}")
    assert await introspected(service, token["token"]) == {"active": False}


async def test_service_learns_nothing_of_a_token_that_is_no_good(home, service):
    ended = await home.signed_in(home.email)
    await ended.post("/users/signout")
    access_token = home.tokens["access_token"]
    for token in (
        *(ended.tokens[name] for name in ("access_token", "refresh_token")),
        f"{access_token[:-4]}AAAA",
        f"{home.tokens['refresh_token'][:-4]}AAAA",
        "gyb_x",
        "x",
        "가",
        "x" * 9000,
    ):
        assert await introspected(service, token) == {"active": False}


async def test_user_learns_of_the_own_tokens_only(home, stranger):
    for name in ("access_token", "refresh_token"):
        assert (await introspected(home, home.tokens[name]))["active"]
        assert await introspected(home, stranger.tokens[name]) == {"active": False}


@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
async def test_service_revokes_a_token_and_with_it_the_session(home, service, name):
    other = await home.signed_in(home.email)
    await revoked(service, other.tokens[name])

    assert (await other.get("/users/me")).outcome == (401, "unauthenticated")
    refreshed = await other.post("/users/token", {"refresh_token": other.tokens["refresh_token"]})
    assert refreshed.outcome == (401, "invalid-refresh-token")
    assert (await home.get("/users/me")).status == 200


async def test_service_revokes_by_a_refresh_token_that_was_spent(home, service):
    spent = home.tokens["refresh_token"]
    await home.post("/users/token", {"refresh_token": spent})
    await revoked(service, spent)
    assert (await home.get("/users/me")).status == 401


async def test_service_revokes_an_api_token(home, service):
    token = await home.made("/users/me/tokens", {"name": "x", "scopes": ["read"]})
    script = Household(home.client, tokens={"access_token": token["token"]})
    assert (await script.get("/books")).status == 200
    for _ in range(2):
        await revoked(service, token["token"])
    assert (await script.get("/books")).outcome == (401, "unauthenticated")
    assert (await home.get("/users/me")).status == 200


async def test_revocation_of_what_is_no_token_is_done_already(home, service):
    refresh_token = home.tokens["refresh_token"]
    for token in ("x", "gyb_x", f"{refresh_token[:-4]}AAAA", f"{home.tokens['access_token'][:-4]}AAAA"):
        await revoked(service, token)
    assert (await home.get("/users/me")).status == 200
    assert (await home.post("/users/token", {"refresh_token": refresh_token})).status == 200


async def test_user_revokes_the_own_tokens_only(home, stranger):
    other = await home.signed_in(home.email)
    await revoked(home, stranger.tokens["refresh_token"])
    await revoked(home, other.tokens["refresh_token"])

    assert [(await who.get("/users/me")).status for who in (stranger, home, other)] == [200, 200, 401]


@pytest.mark.parametrize("what", ["introspect", "revoke"])
async def test_stranger_is_refused_as_a_client(home, guest, credentials, store, what):
    token, known = home.tokens["access_token"], credentials.client_id
    headers = [
        {},
        basic(known, "wrong"),
        basic(known, ""),
        basic(uuid4(), credentials.secret),
        basic("reports", credentials.secret),
        basic("", ""),
        {"Authorization": "Basic !"},
        {"Authorization": "Basic /w=="},
        {"Authorization": f"Basic {credentials.secret}"},
        {"Authorization": f"Digest {credentials.secret}"},
    ]
    await remove_client(store, "test", "reports")
    for shown in [*headers, basic(known, credentials.secret)]:
        answer = await ask(guest, what, token, headers=shown)
        assert (answer.status, answer.json) == (401, {"error": "invalid_client"})
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="gagyebu"'
    assert (await home.get("/users/me")).status == 200


async def test_user_whose_token_is_no_good_is_refused(home, guest):
    ended = await home.signed_in(home.email)
    await ended.post("/users/signout")
    for headers in ({"Authorization": "Bearer x"}, {"Authorization": f"Bearer {ended.tokens['access_token']}"}):
        answer = await ask(guest, "introspect", home.tokens["access_token"], headers=headers)
        assert (answer.status, answer.json) == (401, {"error": "invalid_token"})
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="gagyebu", error="invalid_token"'


async def test_api_token_may_neither_ask_nor_revoke(home):
    token = (await home.made("/users/me/tokens", {"name": "x", "scopes": ["write"]}))["token"]
    script = Household(home.client, tokens={"access_token": token})
    for what in ("introspect", "revoke"):
        answer = await ask(script, what, token)
        assert (answer.status, answer.json) == (403, {"error": "insufficient_scope"})


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("", None),
        ("token=", None),
        ("other=x", None),
        ("token=a&token=b", None),
        ("token=%00&" + "&".join(f"f{number}=1" for number in range(20)), None),
        (b"token=\xff", None),
        ('{"token": "x"}', "application/json"),
    ],
)
async def test_request_without_one_token_in_a_form_is_invalid(service, body, content_type):
    guest, credentials = service
    headers = {**credentials, "Content-Type": content_type or FORM["Content-Type"]}
    for what in ("introspect", "revoke"):
        answer = await guest.ask("POST", f"/oauth/{what}", data=body, headers=headers)
        assert (answer.status, answer.json) == (400, {"error": "invalid_request"})


async def test_forms_are_taken_nowhere_else(home):
    answer = await home.ask("POST", "/books", data="name=x", headers=FORM)
    assert answer.outcome == (415, "unsupported-media-type")
