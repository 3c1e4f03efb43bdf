"""Preconditions: what a client asks of what it changes, by the tags that it was shown."""

import pytest
from multidict import CIMultiDict

from tests.http.conftest import NOWHERE, PASSWORD, entries_of, path_of

NEW_PASSWORD = "grünes-Krokodil-88"
CHANGE = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
NEVER_HELD = ['""', '"x"', '"*"', 'W/"*"', "x", "", '*, "x"']
"""Conditions that hold for nothing: tags that were never given out, what is no tag, and none at all."""


async def etag_of(household, path):
    return (await household.get(path)).headers["ETag"]


def if_match(*tags):
    """A header, of several lines where there are several tags."""
    return CIMultiDict([("If-Match", tag) for tag in tags])


async def refused(household, method, path, body=None, tags=NEVER_HELD):
    """Send a request with each of these conditions. Returns: what became of them."""
    return {(await household.ask(method, path, json=body, headers={"If-Match": tag})).outcome for tag in tags}


# ── how the headers are read ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("tag", NEVER_HELD)
async def test_condition_that_cannot_hold_changes_nothing(home, book, tag):
    entry = await home.record(book)
    for path in (path_of(entry), f"/books/{book['id']}", "/users/me"):
        before = (await home.get(path)).content
        answer = await home.patch(path, {}, headers={"If-Match": tag})
        assert answer.status == 412
        assert (await home.get(path)).content == before


async def test_condition_of_several_lines_is_one_list(home, book):
    path = path_of(await home.record(book))
    held = await etag_of(home, path)
    for lines, status in [(('"x"', held), 200), (('"x"', '"y"'), 412), (("", '"x"'), 412), ((f'"x", {held}', ""), 200)]:
        assert (await home.patch(path, {}, headers=if_match(*lines))).status == status, lines
    known = CIMultiDict([("If-None-Match", '"x"'), ("If-None-Match", held)])
    assert (await home.get(path, headers=known)).status == 304


async def test_what_is_known_is_compared_weakly_and_a_quoted_star_is_a_tag(home, book):
    path = path_of(await home.record(book))
    held = await etag_of(home, path)
    for tag, status in [(held, 304), (f"W/{held}", 304), ("*", 304), ('"*"', 200), ('W/"*"', 200), ("", 200)]:
        assert (await home.get(path, headers={"If-None-Match": tag})).status == status, tag


# ── the account ──────────────────────────────────────────────────────────────────────────────────────────


async def test_account_that_changed_is_not_erased_by_a_stale_if_match(home):
    stale = await etag_of(home, "/users/me")
    await home.patch("/users/me", {"name": "박미나"})
    current = await etag_of(home, "/users/me")
    for tag in (stale, *NEVER_HELD):
        answer = await home.delete("/users/me", json={"password": PASSWORD}, headers={"If-Match": tag})
        assert (answer.outcome, answer.headers["ETag"]) == ((412, "user-changed"), current)
    wrong = await home.delete("/users/me", json={"password": "wrong"}, headers={"If-Match": stale})
    assert wrong.outcome == (403, "wrong-password")

    assert (await home.get("/users/me")).json["name"] == "박미나"
    erased = await home.delete("/users/me", json={"password": PASSWORD}, headers={"If-Match": current})
    assert erased.status == 204
    assert (await home.get("/users/me")).outcome == (401, "unauthenticated")


async def test_password_is_not_changed_by_a_stale_if_match(home, guest):
    stale = await etag_of(home, "/users/me")
    await home.patch("/users/me", {"name": "박미나"})

    assert {(412, "user-changed")} == await refused(home, "PUT", "/users/me/password", CHANGE, (stale, *NEVER_HELD))
    assert (await guest.post("/users/signin", {"email": home.email, "password": PASSWORD})).status == 200
    current = {"If-Match": await etag_of(home, "/users/me")}
    assert (await home.ask("PUT", "/users/me/password", json=CHANGE, headers=current)).status == 204


async def test_what_has_no_tag_is_changed_by_no_if_match_but_a_star(home, book):
    entry = await home.record(book)
    other = await home.signed_in(home.email)
    (its_id,) = [each["id"] for each in (await other.get("/users/me/sessions")).items if each["current"]]
    token = await home.made("/users/me/tokens", {"name": "backup", "scopes": ["read"]})
    link = await home.made(f"{path_of(entry)}/shares")
    reauthenticated = {"password": PASSWORD}
    for method, path, body, status in [
        ("DELETE", f"{path_of(entry)}/shares/{link['code']}", None, 204),
        ("DELETE", f"/users/me/tokens/{token['id']}", None, 204),
        ("DELETE", f"/users/me/passkeys/{NOWHERE}", reauthenticated, 404),
        ("DELETE", "/users/me/totp", reauthenticated, 409),
        ("POST", "/users/me/totp/recovery-codes", reauthenticated, 409),
        ("PUT", "/users/me/email", {**reauthenticated, "email": "new@example.com"}, 202),
        ("DELETE", f"/users/me/sessions/{its_id}", None, 204),
        ("DELETE", "/users/me/sessions", None, 204),
    ]:
        assert {(412, "precondition-failed")} == await refused(home, method, path, body), path
        assert (await home.ask(method, path, json=body, headers={"If-Match": "*"})).status == status, path


async def test_who_is_not_signed_in_learns_that_first(guest):
    answer = await guest.delete("/users/me/sessions", headers={"If-Match": '"x"'})
    assert answer.outcome == (401, "unauthenticated")


# ── entries and imports ──────────────────────────────────────────────────────────────────────────────────


async def test_entry_that_changed_is_not_shared_by_a_stale_if_match(home, book):
    entry = await home.record(book)
    stale = await etag_of(home, path_of(entry))
    await home.patch(path_of(entry), {"memo": "비밀"})
    shares = f"{path_of(entry)}/shares"

    assert {(412, "entry-changed")} == await refused(home, "POST", shares, tags=(stale, *NEVER_HELD))
    assert [] == (await home.get(shares)).items
    answer = await home.post(shares, headers={"If-Match": await etag_of(home, path_of(entry))})
    assert answer.status == 201


async def test_entry_shared_by_a_retry_is_answered_whatever_became_of_the_entry(home, book):
    entry = await home.record(book)
    headers = {"If-Match": await etag_of(home, path_of(entry)), "Idempotency-Key": "one"}
    first = await home.post(f"{path_of(entry)}/shares", headers=headers)
    await home.patch(path_of(entry), {"memo": "x"})
    again = await home.post(f"{path_of(entry)}/shares", headers=headers)

    assert (first.status, first.content) == (again.status, again.content)
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_import_is_not_taken_back_from_a_book_that_changed(home, book):
    content = b"kind,amount,occurred_on\nexpense,12000,2026-03-05\n"
    path, csv = f"/books/{book['id']}", {"Content-Type": "text/csv"}
    batch = (await home.ask("POST", f"{path}/imports", data=content, headers=csv)).json["batch_id"]
    stale = await etag_of(home, path)
    await home.patch(path, {"name": "새집"})
    revert = f"{path}/batches/{batch}/revert"

    assert {(412, "book-changed")} == await refused(home, "POST", revert, tags=(stale, *NEVER_HELD))
    assert 1 == len((await home.get(entries_of(book))).items)
    answer = await home.post(revert, headers={"If-Match": await etag_of(home, path)})
    assert (200, 1) == (answer.status, answer.json["deleted"])
