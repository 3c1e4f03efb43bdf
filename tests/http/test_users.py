"""Signing up, in and out, and what a user sees of the account."""

import asyncio
import base64
import re
import unicodedata
from datetime import date

from tests.http.conftest import PASSWORD, Household

TOKENS = {"access_token", "token_type", "expires_in", "refresh_token", "refresh_expires_in"}
SIGN_IN = {"email": "mina@example.com", "password": PASSWORD}


async def refused_field(guest, **fields):
    """Sign up with these fields; return the fields that are refused and the messages."""
    answer = await guest.post("/users/signup", {"email": "new@example.com", "password": PASSWORD, **fields})
    return answer.errors


# ── sign-up ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_sign_up_answers_the_user_and_never_the_password(guest):
    fields = {"name": "김미나", "birth_date": "1990-02-17", "phone_number": "010-1234-5678"}
    answer = await guest.post("/users/signup", {**SIGN_IN, **fields})

    user = answer.json
    assert answer.status == 201
    assert set(user) == {"id", "email", "name", "birth_date", "age", "phone_number", "created_at"}
    assert (user["email"], user["name"], user["birth_date"]) == ("mina@example.com", "김미나", "1990-02-17")
    assert user["phone_number"] == "+821012345678"
    assert user["age"] in {date.today().year - 1990, date.today().year - 1991}  # noqa: DTZ011 - either is right at New Year
    assert re.fullmatch(r"[0-9-]{10}T[0-9:]{8}(\.[0-9]{6})?Z", user["created_at"])
    assert PASSWORD.encode() not in answer.content


async def test_sign_up_needs_only_email_and_password(guest):
    user = await guest.made("/users/signup", SIGN_IN)

    assert [user[name] for name in ("name", "birth_date", "age", "phone_number")] == [None] * 4


async def test_sign_up_takes_every_limit_to_its_end(guest):
    for number, fields in enumerate(
        [
            {"password": "힣뷁산들바람꽃쀍"},
            {"password": "korrekt-Pferd-77" * 8},
            {"name": "가" * 100},
            {"name": f"  {'x' * 100}  "},
            {"birth_date": "1900-01-01"},
            {"phone_number": "+1 202-456-1111"},
            {"email": f"{'x' * 64}@{'y' * 60}.example.com"},
        ]
    ):
        await guest.made("/users/signup", {"email": f"u{number}@example.com", "password": PASSWORD, **fields})


async def test_sign_up_refuses_what_is_over_a_limit_and_names_it(guest):
    for fields, said in [
        ({"password": "kP-77xq"}, "8 to 128"),
        ({"password": "korrekt-Pferd-77" * 8 + "x"}, "8 to 128"),
        ({"name": "x" * 101}, "100"),
        ({"name": "   "}, "1 and 100"),
        ({"name": ""}, "1 and 100"),
        ({"name": "a\x00b"}, "Control characters"),
        ({"birth_date": "1899-12-31"}, "1900-01-01"),
        ({"birth_date": "9999-01-01"}, "future"),
        ({"birth_date": "1990-02-30"}, "YYYY-MM-DD"),
        ({"birth_date": "1990-02-17T00:00:00Z"}, "YYYY-MM-DD"),
        ({"birth_date": 19900217}, "YYYY-MM-DD"),
        ({"phone_number": "12345"}, "phone number"),
        ({"phone_number": "010-1234-5678" * 9}, "phone number"),
        ({"email": "mina"}, "@"),
        ({"email": "mina@"}, "@"),
        ({"email": "mi na@example.com"}, ""),
        ({"email": "mina@example.com\x00"}, ""),
        ({"email": f"{'x' * 255}@example.com"}, "254"),
        ({"email": None}, "null"),
        ({"email": 1}, "string"),
        ({"passwort": "x"}, "Unknown field"),
    ]:
        errors = await refused_field(guest, **fields)
        assert list(errors) == list(fields)
        assert all(said in message for message in errors.values()), errors


async def test_sign_up_names_every_field_that_is_missing_or_wrong_at_once(guest):
    assert set((await guest.post("/users/signup", {"name": ""})).errors) == {"email", "password", "name"}


async def test_sign_up_refuses_passwords_that_are_common_or_made_of_the_person(guest):
    for password in ("password", "12345678", "qwertyuiop", "iloveyou1", "kimminsoo", "minsoo.kim@example.com"):
        errors = await refused_field(guest, password=password, email="minsoo.kim@example.com", name="Kim Minsoo")
        assert list(errors) == ["password"]
        assert errors["password"]


async def test_sign_up_with_a_taken_email_in_any_letter_case_is_409(guest):
    await guest.made("/users/signup", SIGN_IN)
    for email in ("mina@example.com", "MINA@EXAMPLE.COM", "Mina@Example.Com"):
        answer = await guest.post("/users/signup", {"email": email, "password": PASSWORD})
        assert answer.outcome == (409, "email-taken")


async def test_sign_up_of_one_email_many_times_at_once_makes_one_account(guest):
    emails = ["mina@example.com", "MINA@example.com", "mina@EXAMPLE.com", "Mina@Example.com"]
    answers = await asyncio.gather(
        *(guest.post("/users/signup", {"email": email, "password": PASSWORD}) for email in emails)
    )

    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]


async def test_text_that_looks_the_same_is_the_same(guest):
    name, password = "김미나", "차분한 바다 위 종이배"
    decomposed = {text: unicodedata.normalize("NFD", text) for text in (name, password)}
    user = await guest.made("/users/signup", {**SIGN_IN, "password": decomposed[password], "name": decomposed[name]})
    answer = await guest.post("/users/signin", {**SIGN_IN, "password": password})

    assert user["name"] == name != decomposed[name]
    assert answer.status == 200


# ── sign-in ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_sign_in_answers_tokens_that_no_cache_keeps(guest):
    await guest.made("/users/signup", SIGN_IN)
    answer = await guest.post("/users/signin", {**SIGN_IN, "email": "MINA@example.com"})

    tokens = answer.json
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "private, no-store")
    assert set(tokens) == TOKENS
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 900)
    assert tokens["refresh_expires_in"] > 7 * 24 * 3600


async def test_sign_in_with_wrong_password_and_unknown_email_answer_alike(guest):
    await guest.made("/users/signup", SIGN_IN)
    same = {"X-Request-Id": "same"}
    wrong = await guest.post("/users/signin", {**SIGN_IN, "password": f"{PASSWORD}x"}, headers=same)
    unknown = await guest.post("/users/signin", {**SIGN_IN, "email": "who@example.com"}, headers=same)

    assert wrong.outcome == (401, "invalid-credentials")
    assert wrong.headers["WWW-Authenticate"].startswith("Bearer")
    assert (wrong.status, wrong.content) == (unknown.status, unknown.content)
    assert set(wrong.headers) == set(unknown.headers)


async def test_sign_in_needs_both_fields_and_knows_no_others(guest):
    answer = await guest.post("/users/signin", {"name": "Mina"})

    assert set(answer.errors) == {"email", "password", "name"}


async def test_sign_in_by_get_works_and_says_that_it_is_deprecated(guest):
    await guest.made("/users/signup", SIGN_IN)
    answer = await guest.get("/users/signin", json=SIGN_IN)
    me = await Household(guest.client, tokens=answer.json).get("/users/me")

    assert set(answer.json) == TOKENS
    assert re.fullmatch(r"@[0-9]+", answer.headers["Deprecation"])
    assert answer.headers["Link"] == '</users/signin>; rel="successor-version"'
    assert me.json["email"] == "mina@example.com"


async def test_sign_in_by_get_refuses_as_by_post(guest):
    await guest.made("/users/signup", SIGN_IN)
    taken = await guest.get("/users/signin", json=SIGN_IN)
    wrong = await guest.get("/users/signin", json={**SIGN_IN, "password": "wrong"})
    incomplete = await guest.get("/users/signin", json={})
    malformed = await guest.get("/users/signin", data=b"{", headers={"Content-Type": "application/json"})
    form = await guest.get("/users/signin", data={"email": "x"})
    by_post = await guest.post("/users/signin", {**SIGN_IN, "password": "wrong"})

    refused = (wrong, incomplete, malformed, form)
    assert wrong.outcome == (401, "invalid-credentials")
    assert [answer.status for answer in refused] == [401, 422, 400, 415]
    for answer in refused:
        assert answer.headers["Deprecation"] == taken.headers["Deprecation"]
        assert answer.headers["Link"] == taken.headers["Link"]
    assert not {"Deprecation", "Link"} & by_post.headers.keys()


# ── refresh ──────────────────────────────────────────────────────────────────────────────────────────────


async def refresh(household):
    return await household.post("/users/token", {"refresh_token": household.tokens["refresh_token"]})


async def test_refresh_rotates_and_both_new_tokens_work(home):
    first = await refresh(home)
    renewed = Household(home.client, tokens=first.json)
    second = await refresh(renewed)

    assert (first.status, first.headers["Cache-Control"]) == (200, "private, no-store")
    assert set(first.json) == TOKENS
    assert first.json["refresh_token"] != home.tokens["refresh_token"]
    assert (await renewed.get("/users/me")).status == 200
    assert second.status == 200


async def test_refresh_whose_answer_was_lost_may_be_asked_again(home):
    first, again = await refresh(home), await refresh(home)

    assert again.status == 200
    assert first.json["refresh_token"] == again.json["refresh_token"]


async def test_refresh_many_times_at_once_gives_one_successor(home):
    answers = await asyncio.gather(*(refresh(home) for _ in range(4)))

    assert {answer.status for answer in answers} == {200}
    assert len({answer.json["refresh_token"] for answer in answers}) == 1


async def test_refresh_with_a_token_two_rotations_old_ends_the_whole_session(home):
    newest = Household(home.client, tokens=(await refresh(home)).json)
    newest = Household(home.client, tokens=(await refresh(newest)).json)
    reused = await refresh(home)

    assert reused.outcome == (401, "invalid-refresh-token")
    assert (await refresh(newest)).outcome == (401, "invalid-refresh-token")
    for household in (home, newest):
        assert (await household.get("/users/me")).outcome == (401, "unauthenticated")


async def test_refresh_with_what_was_never_issued_is_401_and_harms_nobody(guest, home):
    token = base64.urlsafe_b64decode(home.tokens["refresh_token"] + "==")
    forged = base64.urlsafe_b64encode(token[:32] + bytes(32)).rstrip(b"=").decode()
    for text in (forged, "", "x", "é" * 50, "A" * 10_000, home.tokens["refresh_token"] + "A"):
        answer = await guest.post("/users/token", {"refresh_token": text})
        assert answer.outcome == (401, "invalid-refresh-token")
        assert "WWW-Authenticate" in answer.headers
    assert list((await guest.post("/users/token", {"refresh_token": None})).errors) == ["refresh_token"]
    assert (await refresh(home)).status == 200


# ── sign-out ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_sign_out_ends_access_and_refresh_token_at_once(home):
    answer = await home.post("/users/signout")

    assert (answer.status, answer.content) == (204, b"")
    assert (await home.get("/users/me")).outcome == (401, "unauthenticated")
    assert (await home.post("/users/signout")).outcome == (401, "unauthenticated")
    assert (await refresh(home)).outcome == (401, "invalid-refresh-token")


async def test_sign_out_of_one_session_leaves_the_others(home):
    other = await home.signed_in(home.email)
    await home.post("/users/signout")

    assert (await other.get("/users/me")).status == 200
    assert (await refresh(other)).status == 200


async def test_sign_out_takes_no_fields(home):
    assert list((await home.post("/users/signout", {"all": True})).errors) == ["all"]
    assert (await home.get("/users/me")).status == 200


# ── the account ──────────────────────────────────────────────────────────────────────────────────────────


async def test_me_is_what_sign_up_answered(guest):
    user = await guest.made("/users/signup", {**SIGN_IN, "name": "김미나", "birth_date": "2000-02-29"})
    answer = await (await guest.signed_in(SIGN_IN["email"])).get("/users/me")

    assert (answer.status, answer.json) == (200, user)
    assert answer.headers["Cache-Control"] == "private, no-store"


async def test_me_without_sign_in_is_401(guest):
    answer = await guest.get("/users/me")

    assert answer.outcome == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_sessions_are_those_that_have_not_ended_with_the_current_one_marked(home, stranger):
    phone = await home.post("/users/signin", SIGN_IN, headers={"User-Agent": "phone/1.0"})
    gone = await home.signed_in(home.email)
    await gone.post("/users/signout")
    sessions = (await home.get("/users/me/sessions")).items

    assert [session["current"] for session in sessions] == [False, True]
    assert set(sessions[0]) == {"id", "current", "created_at", "last_seen_at", "user_agent", "ip"}
    assert (sessions[0]["user_agent"], sessions[0]["ip"]) == ("phone/1.0", "127.0.0.1")
    assert phone.status == 200
    assert len((await stranger.get("/users/me/sessions")).items) == 1


async def test_session_is_seen_when_it_is_refreshed(home):
    (before,) = (await home.get("/users/me/sessions")).items
    renewed = Household(home.client, tokens=(await refresh(home)).json)
    (after,) = (await renewed.get("/users/me/sessions")).items

    assert (before["id"], before["created_at"]) == (after["id"], after["created_at"])
    assert before["last_seen_at"] < after["last_seen_at"]
    assert after["current"]


async def test_jwks_shows_public_keys_only_and_may_be_cached(guest):
    answer = await guest.get("/.well-known/jwks.json")

    (key,) = answer.json["keys"]
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")
    assert "d" not in key
    assert answer.headers["Cache-Control"].startswith("public")
