"""Safe retries: the same key and body count once, and are answered as the first time."""

import asyncio
import hashlib

import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer

from service import open_app
from tests.http.conftest import PASSWORD, Household, entries_of, path_of

KEY = {"Idempotency-Key": "2f6d5b1e-0a53-4a4e-9f5e-0f3f0d5c8a11"}


@pytest.fixture
async def made(home, book):
    """What the POSTs below act on."""
    other = await home.open_book(name="other")
    entry = await home.record(book)
    deleted = await home.record(book, memo="deleted")
    await home.patch(path_of(entry), {"memo": "second version"})
    await home.delete(path_of(deleted))
    category = await home.category(book, "식비")
    gone = await home.category(book, "쇼핑")
    await home.delete(f"/books/{book['id']}/categories/{gone['id']}")
    trash = await home.open_book(name="trash")
    await home.delete(f"/books/{trash['id']}")
    return {
        "book": f"/books/{book['id']}",
        "ids": {"from_book": book["id"], "to_book": other["id"]},
        "entry": path_of(entry),
        "deleted": path_of(deleted),
        "category": category["id"],
        "gone": f"/books/{book['id']}/categories/{gone['id']}",
        "trash": f"/books/{trash['id']}",
    }


POSTS = {
    "open a book": lambda made: ("/books", {"name": "새집", "opening_balance": "5"}),
    "restore a book": lambda made: (f"{made['trash']}/restore", {}),
    "add a category": lambda made: (f"{made['book']}/categories", {"name": "반려동물", "kind": "expense"}),
    "restore a category": lambda made: (f"{made['gone']}/restore", {}),
    "record an entry": lambda made: (
        f"{made['book']}/entries",
        {"kind": "expense", "amount": "100", "memo": "점심", "category_id": made["category"]},
    ),
    "duplicate an entry": lambda made: (f"{made['entry']}/duplicate", {"occurred_on": "2026-03-01"}),
    "restore an entry": lambda made: (f"{made['deleted']}/restore", {}),
    "revert an entry": lambda made: (f"{made['entry']}/revert", {"version": 1}),
    "transfer": lambda made: ("/transfers", {**made["ids"], "amount": "70", "memo": "저축"}),
    "invite": lambda made: (f"{made['book']}/invitations", {"email": "jun@example.com", "role": "viewer"}),
    "close a period": lambda made: (f"{made['book']}/closings", {"through": "2020-12-31"}),
    "share an entry": lambda made: (f"{made['entry']}/shares", {"expires_in_seconds": 3600}),
}


OTHERS = {
    "name": "다른 이름",
    "amount": "101",
    "version": 2,
    "occurred_on": "2026-03-02",
    "role": "editor",
    "through": "2020-11-30",
    "expires_in_seconds": 3601,
}
"""Values that make another request of a body that has such a field."""


@pytest.fixture(params=POSTS.values(), ids=POSTS.keys())
def post(request, made):
    """A path and a body that can be posted once."""
    return request.param(made)


async def positions(home, made):
    """How long the journals are that a POST may write to."""
    views = [await home.get(f"{path}/history") for path in (made["book"], made["trash"])]
    lists = [await home.get(f"/books/{made['ids'][name]}/entries?state=all") for name in made["ids"]]
    books = await home.get("/books?state=all")
    return [answer.json for answer in (*views, *lists, books)]


async def test_retry_is_answered_as_the_first_time_and_changes_nothing(home, made, post):
    path, body = post
    first = await home.post(path, body, headers=KEY)
    state = await positions(home, made)
    again = await home.post(path, body, headers=KEY)

    assert first.status in {200, 201}, first.content
    assert (first.status, first.content) == (again.status, again.content)
    assert (None, "true") == tuple(answer.headers.get("Idempotency-Replayed") for answer in (first, again))
    assert [first.headers.get(name) for name in ("ETag", "Location")] == [
        again.headers.get(name) for name in ("ETag", "Location")
    ]
    assert state == await positions(home, made)


async def test_key_with_another_body_is_refused_and_changes_nothing(home, made, post):
    path, body = post
    await home.post(path, body, headers=KEY)
    state = await positions(home, made)
    for name in body.keys() & OTHERS.keys():
        answer = await home.post(path, {**body, name: OTHERS[name]}, headers=KEY)
        assert (422, "idempotency-key-reused") == answer.outcome
        assert ["Idempotency-Key"] == [error["field"] for error in answer.json["errors"]]
    assert state == await positions(home, made)


async def test_retry_spelled_otherwise_is_the_same_body(home, book):
    headers = {**KEY, "Content-Type": "application/json"}
    first = await home.ask("POST", entries_of(book), data=b'{"kind":"expense","amount":"5"}', headers=headers)
    again = await home.ask("POST", entries_of(book), data=b'{ "amount": "5", "kind": "expense" }', headers=headers)
    assert (201, first.content) == (again.status, again.content)


async def test_retry_after_the_entry_was_changed_deleted_and_closed_shows_it_as_it_was(home, book):
    category = await home.category(book, "식비")
    body = {"kind": "expense", "amount": "100", "occurred_on": "2026-01-05", "category_id": category["id"]}
    first = await home.post(entries_of(book), body, headers=KEY)
    await home.patch(path_of(first.json), {"amount": "900"})
    await home.patch(f"/books/{book['id']}/categories/{category['id']}", {"name": "밥값"})
    await home.delete(path_of(first.json))
    await home.made(f"/books/{book['id']}/closings", {"through": "2026-01-31"})
    await home.delete(f"/books/{book['id']}")
    again = await home.post(entries_of(book), body, headers=KEY)
    assert (201, first.content) == (again.status, again.content)


async def test_retry_after_a_restart_is_known(home, book, settings):
    first = await home.post(entries_of(book), {"kind": "income", "amount": "3"}, headers=KEY)
    async with open_app(settings, settings.database_url) as app, TestClient(TestServer(app)) as client:
        again = await Household(client, home.email, home.tokens).post(
            entries_of(book), {"kind": "income", "amount": "3"}, headers=KEY
        )
    assert (201, first.content, "true") == (again.status, again.content, again.headers["Idempotency-Replayed"])


async def test_twins_in_flight_have_one_effect_and_one_answer(home, made, post):
    path, body = post
    answers = await asyncio.gather(*(home.post(path, body, headers=KEY) for _ in range(4)))
    assert 1 == len({(answer.status, answer.content) for answer in answers})
    replayed = [answer.headers.get("Idempotency-Replayed") for answer in answers]
    assert (1, 3) == (replayed.count(None), replayed.count("true"))


async def test_keys_of_two_users_do_not_meet(home, stranger):
    mine = await home.post("/books", {"name": "하나"}, headers=KEY)
    theirs = await stranger.post("/books", {"name": "둘"}, headers=KEY)
    assert (201, 201) == (mine.status, theirs.status)
    assert mine.json["id"] != theirs.json["id"]


async def test_refused_request_leaves_its_key_free(home, book):
    await home.delete(f"/books/{book['id']}")
    body = {"kind": "expense", "amount": "100"}
    assert (409, "book-deleted") == (await home.post(entries_of(book), body, headers=KEY)).outcome
    await home.post(f"/books/{book['id']}/restore")
    answer = await home.post(entries_of(book), {**body, "amount": "7"}, headers=KEY)
    assert (201, None) == (answer.status, answer.headers.get("Idempotency-Replayed"))


async def test_retry_by_who_is_no_member_any_more_finds_no_book(home, stranger, book):
    invitation = await home.made(f"/books/{book['id']}/invitations", {"email": stranger.email, "role": "editor"})
    await stranger.post(f"/invitations/{invitation['token']}/accept")
    body = {"kind": "expense", "amount": "100"}
    assert 201 == (await stranger.post(entries_of(book), body, headers=KEY)).status
    me = (await stranger.get("/users/me")).json["id"]
    await home.delete(f"/books/{book['id']}/members/{me}")
    assert (404, "book-not-found") == (await stranger.post(entries_of(book), body, headers=KEY)).outcome


async def test_key_reused_where_one_is_no_member_finds_no_book(home, stranger, book):
    await home.share(book, stranger)
    path, mine, other = f"/books/{book['id']}/categories", await stranger.open_book(), await stranger.open_book()
    await stranger.post(path, {"name": "반려동물", "kind": "expense"}, headers=KEY)
    asked = {"from_book": mine["id"], "to_book": other["id"], "amount": "5"}
    await stranger.post("/transfers", asked, headers=KEY)
    await home.delete(f"/books/{book['id']}/members/{await stranger.id}")

    again = await stranger.post(path, {"name": "고양이", "kind": "expense"}, headers=KEY)
    assert (404, "book-not-found") == again.outcome
    for side in ("from_book", "to_book"):
        answer = await stranger.post("/transfers", {**asked, side: book["id"]}, headers=KEY)
        assert (404, "book-not-found") == answer.outcome


@pytest.mark.parametrize("key", ["", "k" * 256, "two words", "열쇠".encode().decode("latin-1")])
async def test_malformed_key_is_refused(home, book, key):
    answer = await home.post(entries_of(book), {"kind": "expense", "amount": "1"}, headers={"Idempotency-Key": key})
    assert {"Idempotency-Key"} == answer.errors.keys()


async def test_invitation_accepted_twice_under_one_key_is_one_acceptance(home, stranger, book):
    invitation = await home.made(f"/books/{book['id']}/invitations", {"email": stranger.email, "role": "viewer"})
    path = f"/invitations/{invitation['token']}/accept"
    first, again = await stranger.post(path, headers=KEY), await stranger.post(path, headers=KEY)
    assert (200, first.content, "true") == (again.status, again.content, again.headers["Idempotency-Replayed"])
    assert 410 == (await stranger.post(path)).status


async def test_retry_without_a_body_and_with_an_empty_one_are_the_same(home, made):
    first = await home.post(f"{made['entry']}/duplicate", None, headers=KEY)
    again = await home.post(f"{made['entry']}/duplicate", {}, headers=KEY)
    assert (201, first.content, "true") == (again.status, again.content, again.headers["Idempotency-Replayed"])


async def test_key_at_another_address_is_another_key(home, book):
    other = await home.open_book(name="other")
    body = {"name": "반려동물", "kind": "expense"}
    made = [await home.post(f"/books/{one['id']}/categories", body, headers=KEY) for one in (book, other)]
    assert [(201, None)] * 2 == [(answer.status, answer.headers.get("Idempotency-Replayed")) for answer in made]
    assert 2 == len({answer.json["id"] for answer in made})
    for one, answer in zip((book, other), made, strict=True):
        assert answer.json == await home.category(one, "반려동물")
    assert 201 == (await home.post(entries_of(book), {"kind": "income", "amount": 1}, headers=KEY)).status


async def test_key_of_a_transfer_is_refused_for_one_between_other_books(home, book):
    savings, third, fourth = [await home.open_book(name=name) for name in ("저축", "셋", "넷")]
    body = {"from_book": book["id"], "to_book": savings["id"], "amount": "5"}
    first = await home.post("/transfers", body, headers=KEY)
    for source, target in ((savings, book), (book, third), (third, savings), (third, fourth)):
        asked = {**body, "from_book": source["id"], "to_book": target["id"]}
        answer = await home.post("/transfers", asked, headers=KEY)
        assert (422, "idempotency-key-reused") == answer.outcome, (source["name"], target["name"])
    counts = [(await home.get(f"/books/{one['id']}")).json["entry_count"] for one in (book, savings, third, fourth)]
    assert (201, [1, 1, 0, 0]) == (first.status, counts)


async def test_retry_of_a_transfer_after_it_was_changed_and_its_book_deleted_shows_it_as_it_was(home, book):
    savings = await home.open_book(name="저축")
    body = {"from_book": book["id"], "to_book": savings["id"], "amount": "5", "occurred_on": "2026-01-05"}
    first = await home.post("/transfers", body, headers=KEY)
    await home.patch(path_of(first.json["to"]), {"amount": "9"})
    await home.delete(path_of(first.json["from"]))
    await home.made(f"/books/{book['id']}/closings", {"through": "2026-01-31"})
    await home.delete(f"/books/{savings['id']}")
    again = await home.post("/transfers", body, headers=KEY)
    assert (201, first.content, "true") == (again.status, again.content, again.headers["Idempotency-Replayed"])


async def test_retry_of_a_restored_book_shows_it_as_it_was_then(home, stranger, book):
    path = f"/books/{book['id']}"
    await home.record(book, amount="100")
    await home.delete(path)
    first = await home.post(f"{path}/restore", headers=KEY)
    await home.record(book, amount="7")
    await home.patch(path, {"name": "later", "opening_balance": "1"})
    await home.share(book, stranger)
    await home.patch(f"{path}/members/{await stranger.id}", {"role": "owner"})  # the role too is that of then
    again = await home.post(f"{path}/restore", headers=KEY)

    assert ("owner", "-100", "우리집", 1) == tuple(
        first.json[name] for name in ("role", "balance", "name", "entry_count")
    )
    assert (200, first.content, "true") == (again.status, again.content, again.headers["Idempotency-Replayed"])
    assert "editor" == (await home.get(path)).json["role"]


async def test_retry_with_the_precondition_of_the_first_attempt_is_answered(home, book):
    path, entry = f"/books/{book['id']}", await home.record(book)
    for target, body, seen in [
        (f"{path}/closings", {"through": "2020-01-31"}, path),
        (f"{path_of(entry)}/duplicate", None, path_of(entry)),
        (f"{path_of(entry)}/revert", {"version": 1}, path_of(entry)),
    ]:
        headers = {**KEY, "If-Match": (await home.get(seen)).headers["ETag"]}
        first, again = [await home.post(target, body, headers=headers) for _ in range(2)]
        assert first.status in {200, 201}, target
        assert (first.status, first.content) == (again.status, again.content), target
    await home.delete(path)
    headers = {**KEY, "If-Match": (await home.get(path)).headers["ETag"]}
    first, again = [await home.post(f"{path}/restore", headers=headers) for _ in range(2)]
    assert (200, first.content) == (again.status, again.content)


async def test_retry_of_a_closing_after_it_was_reopened_shows_it_as_it_was(home, book):
    path = f"/books/{book['id']}/closings"
    first = await home.post(path, {"through": "2026-01-31"}, headers=KEY)
    await home.made(path, {"through": "2026-02-28"})
    for _ in range(2):
        await home.delete(f"{path}/latest", json={"reason": "x"})
    again = await home.post(path, {"through": "2026-01-31"}, headers=KEY)
    assert (201, first.content, "true") == (again.status, again.content, again.headers["Idempotency-Replayed"])
    assert [] == (await home.get(path)).items


async def test_retry_of_an_acceptance_by_who_has_another_role_now_tells_the_first(home, stranger, book):
    path = f"/invitations/{await home.invite(book, stranger.email, 'viewer')}/accept"
    first = await stranger.post(path, headers=KEY)
    await home.patch(f"/books/{book['id']}/members/{await stranger.id}", {"role": "editor"})
    assert first.content == (await stranger.post(path, headers=KEY)).content
    await home.delete(f"/books/{book['id']}/members/{await stranger.id}")
    assert (404, "book-not-found") == (await stranger.post(path, headers=KEY)).outcome


async def test_retry_of_an_invitation_gives_the_token_that_works(home, stranger, book):
    body = {"email": stranger.email, "role": "viewer"}
    await home.post(f"/books/{book['id']}/invitations", body, headers=KEY)
    again = await home.post(f"/books/{book['id']}/invitations", body, headers=KEY)
    assert 200 == (await stranger.post(f"/invitations/{again.json['token']}/accept")).status


async def test_twins_at_two_workers_have_one_effect_and_one_answer(home, made, post, settings):
    path, body = post
    async with open_app(settings, settings.database_url) as app, TestClient(TestServer(app)) as client:
        there = Household(client, home.email, home.tokens)
        answers = await asyncio.gather(*(one.post(path, body, headers=KEY) for one in (home, there, there, home)))
    assert 1 == len({(answer.status, answer.content) for answer in answers})
    replayed = [answer.headers.get("Idempotency-Replayed") for answer in answers]
    assert (1, 3) == (replayed.count(None), replayed.count("true"))


async def test_fingerprint_tells_nothing_of_a_request_without_the_service_s_key(home, book, database):
    body = {"kind": "expense", "amount": "100", "memo": "점심"}
    await home.post(entries_of(book), body, headers=KEY)
    states = [orjson.loads(row["state"]) for row in await database.fetch("SELECT state FROM eventstore.events")]
    (fingerprint,) = [state["fingerprint"] for state in states if "fingerprint" in state]
    plain = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    assert fingerprint not in {hashlib.new(name, plain).hexdigest()[:32] for name in ("sha256", "sha1", "md5")}
    assert KEY["Idempotency-Key"] not in str(states)


SIGN_UP = {"email": "retry@example.com", "password": PASSWORD, "name": "되풀이", "birth_date": "1990-02-28"}


async def test_sign_up_retried_under_one_key_is_one_account(guest):
    first = await guest.post("/users/signup", SIGN_UP, headers=KEY)
    again = await guest.post("/users/signup", SIGN_UP, headers=KEY)
    assert (201, first.content, "true") == (again.status, again.content, again.headers["Idempotency-Replayed"])
    assert "Idempotency-Replayed" not in first.headers
    user = await guest.signed_in(SIGN_UP["email"])
    assert first.json["id"] == await user.id


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "다른"},
        {"name": None},
        {"password": "ganz-anderes-Pferd-9"},
        {"birth_date": "1990-03-01"},
        {"phone_number": "010-1234-5678"},
        {"email": "Retry@example.com"},
    ],
    ids=lambda fields: next(iter(fields)),
)
async def test_sign_up_of_another_under_the_key_is_refused(guest, fields):
    await guest.post("/users/signup", SIGN_UP, headers=KEY)
    answer = await guest.post("/users/signup", {**SIGN_UP, **fields}, headers=KEY)
    assert (422, "idempotency-key-reused") == answer.outcome
    assert ["Idempotency-Key"] == [error["field"] for error in answer.json["errors"]]


async def test_sign_up_retried_after_the_user_changed_is_answered_as_the_first_time(guest):
    first = await guest.post("/users/signup", SIGN_UP, headers=KEY)
    user = await guest.signed_in(SIGN_UP["email"])
    assert 200 == (await user.patch("/users/me", {"name": "새 이름", "birth_date": "1991-01-01"})).status
    again = await guest.post("/users/signup", SIGN_UP, headers=KEY)
    assert (201, first.content) == (again.status, again.content)


async def test_sign_up_with_an_address_that_is_taken_is_told_so_under_any_other_key(guest, home):
    for headers in (None, KEY):
        answer = await guest.post("/users/signup", {**SIGN_UP, "email": home.email}, headers=headers)
        assert (409, "email-taken") == answer.outcome
    assert 201 == (await guest.post("/users/signup", SIGN_UP, headers=KEY)).status


async def test_sign_ups_of_two_addresses_under_one_key_are_two_accounts(guest):
    answers = [
        await guest.post("/users/signup", {**SIGN_UP, "email": email}, headers=KEY)
        for email in ("one@example.com", "two@example.com")
    ]
    assert [201, 201] == [answer.status for answer in answers]
    assert 2 == len({answer.json["id"] for answer in answers})


async def test_sign_up_twins_are_one_account(guest):
    answers = await asyncio.gather(*(guest.post("/users/signup", SIGN_UP, headers=KEY) for _ in range(3)))
    assert [201] * 3 == [answer.status for answer in answers]
    assert 1 == len({answer.content for answer in answers})


async def test_sign_up_with_a_malformed_key_is_refused(guest):
    for key in ("", "two words", "k" * 256):
        answer = await guest.post("/users/signup", SIGN_UP, headers={"Idempotency-Key": key})
        assert {"Idempotency-Key"} == answer.errors.keys()
    assert 201 == (await guest.post("/users/signup", SIGN_UP)).status
