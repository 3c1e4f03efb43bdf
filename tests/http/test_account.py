"""What users change of their own account: profile, password, sessions."""

import asyncio
from uuid import UUID

from auth.session import Session
from eventstore.codec import Metadata
from eventstore.store import Change
from tests.given import an_id
from tests.http.conftest import NOWHERE, PASSWORD, Household

EMAIL = "mina@example.com"
NEW_PASSWORD = "zwölf-Boxkämpfer-jagen"
CHANGE = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}


async def sign_in(guest, password=PASSWORD):
    return await guest.post("/users/signin", {"email": EMAIL, "password": password})


# ── profile ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_profile_is_amended_field_by_field_and_null_empties(guest):
    home = await guest.signed_up(EMAIL, name="김미나", birth_date="1990-02-17", phone_number="010-1234-5678")
    before = (await home.get("/users/me")).json
    amended = await home.patch("/users/me", {"name": " 박미나 ", "birth_date": None})
    emptied = await home.patch("/users/me", {"name": None, "phone_number": None, "birth_date": "2000-02-29"})

    assert (amended.status, emptied.status) == (200, 200)
    assert amended.json == {**before, "name": "박미나", "birth_date": None, "age": None}
    assert {**before, "name": None, "phone_number": None} == {
        **emptied.json,
        "birth_date": before["birth_date"],
        "age": before["age"],
    }
    assert (await home.get("/users/me")).json == emptied.json


async def test_profile_patch_of_nothing_changes_nothing(home):
    before = await home.get("/users/me")
    for body in ({}, {"name": "김미나"}):
        answer = await home.patch("/users/me", body)
        assert (answer.status, answer.json) == (200, before.json)
        assert answer.headers["ETag"] == before.headers["ETag"]


async def test_profile_refuses_what_sign_up_refuses(home):
    for body in ({"name": ""}, {"birth_date": "9999-01-01"}, {"phone_number": "1"}, {"email": "x@example.com"}):
        assert list((await home.patch("/users/me", body)).errors) == list(body)


async def test_profile_honours_if_match_and_if_none_match(home):
    first = (await home.get("/users/me")).headers["ETag"]
    amended = await home.patch("/users/me", {"name": "가"}, headers={"If-Match": first})
    stale = await home.patch("/users/me", {"name": "나"}, headers={"If-Match": first})
    known = await home.get("/users/me", headers={"If-None-Match": amended.headers["ETag"]})

    assert (amended.status, amended.headers["ETag"] != first) == (200, True)
    assert stale.outcome == (412, "user-changed")
    assert stale.headers["ETag"] == amended.headers["ETag"]
    assert (known.status, known.content) == (304, b"")
    assert (await home.get("/users/me")).json["name"] == "가"


async def test_members_of_a_book_see_the_new_name(home, book):
    await home.patch("/users/me", {"name": "박미나"})
    (member,) = (await home.get(f"/books/{book['id']}/members")).items

    assert (member["name"], member["email"]) == ("박미나", EMAIL)


# ── password ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_password_change_ends_every_other_session_and_lets_in_with_the_new_one_alone(home, guest):
    others = [await home.signed_in(EMAIL) for _ in range(3)]
    answer = await home.ask("PUT", "/users/me/password", json=CHANGE)

    assert (answer.status, answer.content) == (204, b"")
    assert (await home.get("/users/me")).status == 200
    for other in others:
        assert (await other.get("/users/me")).outcome == (401, "unauthenticated")
        refreshed = await guest.post("/users/token", {"refresh_token": other.tokens["refresh_token"]})
        assert refreshed.outcome == (401, "invalid-refresh-token")
    assert (await sign_in(guest)).outcome == (401, "invalid-credentials")
    assert (await sign_in(guest, NEW_PASSWORD)).status == 200
    assert [session["current"] for session in (await home.get("/users/me/sessions")).items] == [False, True]


async def test_password_change_and_each_session_that_it_ends_is_logged(home, capsys):
    await home.signed_in(EMAIL)
    capsys.readouterr()
    assert (await home.ask("PUT", "/users/me/password", json=CHANGE)).status == 204

    lines = [line for line in capsys.readouterr().out.splitlines() if "security event" in line]
    topics = ("user.password_changed", "message.posted", "session.ended")
    assert [1, 1, 1] == [sum(f"topic={topic} " in line for line in lines) for topic in topics]
    user_id = await home.id
    assert all(f"user_id={user_id}" in line for line in lines)


async def test_password_change_with_a_wrong_one_or_to_a_weak_one_changes_nothing(home, guest):
    other = await home.signed_in(EMAIL)
    wrong = await home.ask("PUT", "/users/me/password", json={**CHANGE, "current_password": f"{PASSWORD}x"})
    weak = await home.ask("PUT", "/users/me/password", json={**CHANGE, "new_password": "mina@example.com"})
    short = await home.ask("PUT", "/users/me/password", json={**CHANGE, "new_password": "x"})
    none = await home.ask("PUT", "/users/me/password", json={})

    assert wrong.outcome == (403, "wrong-password")
    assert list(weak.errors) == list(short.errors) == ["new_password"]
    assert set(none.errors) == {"current_password", "new_password"}
    assert (await other.get("/users/me")).status == 200
    assert (await sign_in(guest)).status == 200


async def test_password_changed_twice_at_once_is_changed_by_one_alone(home, guest):
    """The second must know the password that the first has set."""
    passwords = ["zwölf-Boxkämpfer-jagen", "Viktor-quer-übers-Deich"]
    answers = await asyncio.gather(
        *(home.ask("PUT", "/users/me/password", json={**CHANGE, "new_password": password}) for password in passwords)
    )

    assert sorted(answer.outcome for answer in answers) == [(204, None), (403, "wrong-password")]
    (changed,) = [password for password, answer in zip(passwords, answers, strict=True) if answer.status == 204]
    assert (await sign_in(guest, changed)).status == 200


async def test_sign_ins_during_a_password_change_leave_no_session_of_the_old_password(home, guest):
    changing = asyncio.create_task(home.ask("PUT", "/users/me/password", json=CHANGE))
    answers = await asyncio.gather(*(sign_in(guest) for _ in range(6)))
    assert (await changing).status == 204

    for answer in answers:
        if answer.status == 200:
            assert (await Household(guest.client, tokens=answer.json).get("/users/me")).status == 401
    assert [session["current"] for session in (await home.get("/users/me/sessions")).items] == [True]


async def test_password_change_ends_hundreds_of_sessions(home, store):
    """In a few statements, however many there are."""
    user_id = UUID((await home.get("/users/me")).json["id"])
    (template,) = (await home.get("/users/me/sessions")).items
    await start_sessions(store, user_id, 700)
    assert len((await home.get("/users/me/sessions")).items) == 701

    assert (await home.ask("PUT", "/users/me/password", json=CHANGE)).status == 204
    assert [session["id"] for session in (await home.get("/users/me/sessions")).items] == [template["id"]]


async def start_sessions(store, user_id, count):
    sessions = [Session(an_id(number + 1), "hash", "phone", "192.0.2.1", ["pwd"]) for number in range(count)]
    await store.append(Metadata(user_id, "test"), [Change(user_id, session) for session in sessions])


# ── sessions ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_session_is_ended_by_its_id_and_refused_at_once(home):
    other = await home.signed_in(EMAIL)
    (its_id,) = [each["id"] for each in (await other.get("/users/me/sessions")).items if each["current"]]
    answer = await home.delete(f"/users/me/sessions/{its_id}")

    assert (answer.status, answer.content) == (204, b"")
    assert (await other.get("/users/me")).outcome == (401, "unauthenticated")
    assert (await home.get("/users/me")).status == 200
    assert (await home.delete(f"/users/me/sessions/{its_id}")).outcome == (404, "session-not-found")


async def test_session_of_another_user_or_of_nobody_is_404(home, stranger):
    (theirs,) = (await stranger.get("/users/me/sessions")).items
    for session_id in (theirs["id"], NOWHERE, "x"):
        assert (await home.delete(f"/users/me/sessions/{session_id}")).outcome == (404, "session-not-found")
    assert (await stranger.get("/users/me")).status == 200


async def test_own_session_may_be_ended_like_any_other(home):
    (own,) = (await home.get("/users/me/sessions")).items

    assert (await home.delete(f"/users/me/sessions/{own['id']}")).status == 204
    assert (await home.get("/users/me")).outcome == (401, "unauthenticated")


async def test_all_other_sessions_end_and_this_one_stays(home, stranger):
    others = [await home.signed_in(EMAIL) for _ in range(3)]

    for _ in range(2):
        assert (await home.delete("/users/me/sessions")).status == 204
    for other in others:
        assert (await other.get("/users/me")).outcome == (401, "unauthenticated")
    assert [session["current"] for session in (await home.get("/users/me/sessions")).items] == [True]
    assert (await stranger.get("/users/me")).status == 200


async def test_account_routes_need_sign_in(guest):
    for method, path in [
        ("PATCH", "/users/me"),
        ("PUT", "/users/me/password"),
        ("GET", "/users/me/email"),
        ("PUT", "/users/me/email"),
        ("POST", "/users/me/verify-email"),
        ("DELETE", "/users/me/sessions"),
        ("DELETE", f"/users/me/sessions/{NOWHERE}"),
    ]:
        assert (await guest.ask(method, path, json={})).outcome == (401, "unauthenticated"), path
