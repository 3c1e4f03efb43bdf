"""Members: invited, accepted, given another role, handed the book over, removed; and what each role may do."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog.testing

from ledger.http.requests import LEDGER
from ledger.invitation import LIFETIME
from tests.http.conftest import NOWHERE, Household, path_of

ALL = {"owner", "editor", "viewer", "auditor"}
WRITERS = {"owner", "editor"}
AUDITORS = {"owner", "editor", "auditor"}
OWNER = {"owner"}
NOT_PERMITTED = (403, "not-permitted")
NOT_FOUND = (404, "book-not-found")

ENTRY = {"kind": "expense", "amount": "1"}

# (who may, method, path, body, status where it is done)
MATRIX: list[tuple[set[str], str, str, Any, int]] = [
    (ALL, "GET", "/books/{book}", None, 200),
    (ALL, "GET", "/books/{book}/entries", None, 200),
    (ALL, "GET", "/books/{book}/entries/{entry}", None, 200),
    (ALL, "GET", "/books/{book}/totals", None, 200),
    (ALL, "GET", "/books/{book}/totals?group_by=member", None, 200),
    (ALL, "GET", "/books/{book}/categories", None, 200),
    (ALL, "GET", "/books/{book}/categories/{category}", None, 200),
    (ALL, "GET", "/books/{book}/members", None, 200),
    (ALL, "GET", "/books/{book}/members/{other}", None, 200),
    (ALL, "GET", "/books/{book}/closings", None, 200),
    (ALL, "GET", "/books/{book}/entries/{entry}/history", None, 200),
    (ALL, "GET", "/books/{book}?known_at=3", None, 200),
    (AUDITORS, "GET", "/books/{book}/diff?known_at=1", None, 200),
    (WRITERS, "POST", "/books/{book}/entries", ENTRY, 201),
    (WRITERS, "PATCH", "/books/{book}/entries/{entry}", {"memo": "x"}, 200),
    (WRITERS, "PATCH", "/books/{book}/entries/{entry}", {}, 200),
    (WRITERS, "DELETE", "/books/{book}/entries/{entry}", None, 204),
    (WRITERS, "POST", "/books/{book}/entries/{gone_entry}/restore", None, 200),
    (WRITERS, "POST", "/books/{book}/entries/{entry}/duplicate", None, 201),
    (WRITERS, "POST", "/books/{book}/entries/{gone_entry}/revert", {"version": 1}, 200),
    (WRITERS, "POST", "/books/{book}/categories", {"name": "x", "kind": "income"}, 201),
    (WRITERS, "PATCH", "/books/{book}/categories/{category}", {"name": "x"}, 200),
    (WRITERS, "DELETE", "/books/{book}/categories/{category}", None, 204),
    (WRITERS, "POST", "/books/{book}/categories/{gone_category}/restore", None, 200),
    (WRITERS, "POST", "/transfers", {"from_book": "{book}", "to_book": "{own_book}", "amount": "1"}, 201),
    (WRITERS, "POST", "/transfers", {"from_book": "{own_book}", "to_book": "{book}", "amount": "1"}, 201),
    (OWNER, "PATCH", "/books/{book}", {"name": "x"}, 200),
    (OWNER, "PATCH", "/books/{book}", {}, 200),
    (OWNER, "DELETE", "/books/{book}", None, 204),
    (OWNER, "POST", "/books/{gone_book}/restore", None, 200),
    (OWNER, "POST", "/books/{book}/invitations", {"email": "new@example.com", "role": "viewer"}, 201),
    (OWNER, "PATCH", "/books/{book}/members/{other}", {"role": "auditor"}, 200),
    (OWNER, "PATCH", "/books/{book}/members/{other}", {"role": "owner"}, 200),
    (OWNER, "DELETE", "/books/{book}/members/{other}", None, 204),
    (OWNER, "POST", "/books/{book}/closings", {"through": "2026-01-31"}, 201),
    (OWNER, "DELETE", "/books/{closed_book}/closings/latest", {"reason": "x"}, 200),
    (ALL - OWNER, "DELETE", "/books/{book}/members/{self}", None, 204),
]


@dataclass
class Scene:
    """A member of some role, or a stranger, with books of the household that they may be a member of."""

    home: Household
    actor: Household
    other: Household
    role: str

    async def book(self) -> Any:
        book = await self.home.open_book()
        await self.home.share(book, self.other, "viewer")
        if self.role not in {"owner", "stranger"}:
            await self.home.share(book, self.actor, self.role)
        return book

    async def names(self) -> dict[str, str]:
        """Everything that a path may name, made anew."""
        home, book, gone, closed = self.home, await self.book(), await self.book(), await self.book()
        await home.delete(f"/books/{gone['id']}")
        await home.made(f"/books/{closed['id']}/closings", {"through": "2026-01-31"})
        entry, gone_entry = await home.record(book), await home.record(book)
        await home.delete(path_of(gone_entry))
        category, gone_category = await home.category(book, "식비"), await home.category(book, "쇼핑")
        await home.delete(f"/books/{book['id']}/categories/{gone_category['id']}")
        own_book = await self.actor.open_book()
        ids = {
            "book": book,
            "gone_book": gone,
            "closed_book": closed,
            "own_book": own_book,
            "entry": entry,
            "gone_entry": gone_entry,
            "category": category,
            "gone_category": gone_category,
        }
        people = {"self": await self.actor.id, "other": await self.other.id}
        return {**{name: thing["id"] for name, thing in ids.items()}, **people}


def named(body: Any, names: dict[str, str]) -> Any:
    if body is None:
        return None
    return {key: value.format(**names) if isinstance(value, str) else value for key, value in body.items()}


@pytest.fixture
async def editor(guest):
    return await guest.signed_up("mother@example.com", name="어머니")


@pytest.fixture
async def viewer(guest):
    return await guest.signed_up("son@example.com", name="아들")


# ── who may what ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("role", ["owner", "editor", "viewer", "auditor", "stranger"])
async def test_member_may_what_the_role_allows_and_nothing_else(home, editor, viewer, role):
    scene = Scene(home, home if role == "owner" else editor, viewer, role)
    names: dict[str, str] = {}
    for allowed, method, path, body, status in MATRIX:
        names = names or await scene.names()
        answer = await scene.actor.ask(method, path.format(**names), json=named(body, names))
        if method != "GET" and answer.status < 400:
            names = {}
        if role in allowed:
            assert (status, None) == answer.outcome, (method, path, answer.content)
        elif role == "owner":
            assert (403, "owner-must-stay") == answer.outcome, (method, path)
        else:
            assert (NOT_FOUND if role == "stranger" else NOT_PERMITTED) == answer.outcome, (method, path)


async def test_guest_may_do_nothing_with_a_book(home, guest, viewer):
    names = await Scene(home, home, viewer, "owner").names()
    for _, method, path, body, _ in MATRIX:
        answer = await guest.ask(method, path.format(**names), json=named(body, names))
        assert (401, "unauthenticated") == answer.outcome, (method, path)
    assert (401, "unauthenticated") == (await guest.post("/invitations/x/accept")).outcome


async def test_member_without_the_right_is_refused_before_the_precondition_is_looked_at(home, viewer, book):
    await home.share(book, viewer, "viewer")
    entry, path = await home.record(book), f"/books/{book['id']}"
    for method, target, body in [("PATCH", path, {"name": "x"}), ("PATCH", path_of(entry), {"memo": "x"})]:
        answer = await viewer.ask(method, target, json=body, headers={"If-Match": '"stale"'})
        assert NOT_PERMITTED == answer.outcome


# ── invitations ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("role", ["editor", "viewer", "auditor"])
async def test_invitation_accepted_makes_a_member_who_sees_the_book(home, editor, book, role):
    answer = await home.post(f"/books/{book['id']}/invitations", {"email": editor.email, "role": role})
    accepted = await editor.post(f"/invitations/{answer.json['token']}/accept")

    assert (201, {"token", "expires_at"}) == (answer.status, set(answer.json))
    assert (200, {"book_id": book["id"], "role": role}) == (accepted.status, accepted.json)
    assert [(book["id"], role)] == [(item["id"], item["role"]) for item in (await editor.get("/books")).items]
    members = (await editor.get(f"/books/{book['id']}/members")).json
    assert members == (await home.get(f"/books/{book['id']}/members")).json
    mine, other = members["items"]
    assert {"user_id", "name", "email", "role", "joined_at"} == set(mine)
    assert (await home.id, "김미나", home.email, "owner") == tuple(
        mine[name] for name in ("user_id", "name", "email", "role")
    )
    assert (await editor.id, "어머니", editor.email, role) == tuple(
        other[name] for name in ("user_id", "name", "email", "role")
    )
    assert book["created_at"] == mine["joined_at"] < other["joined_at"]


async def test_invitation_expires_a_week_after_it_was_made(home, book):
    before = datetime.now(UTC)
    path = f"/books/{book['id']}/invitations"
    made = await home.made(path, {"email": "new@example.com", "role": "viewer"})
    assert before + LIFETIME <= datetime.fromisoformat(made["expires_at"]) <= datetime.now(UTC) + LIFETIME


async def test_invitation_is_found_by_the_address_in_whatever_case(home, editor, book):
    token = await home.invite(book, "Mother@EXAMPLE.com")
    assert 200 == (await editor.post(f"/invitations/{token}/accept")).status


async def test_invitation_for_another_is_as_if_absent(home, editor, stranger, book):
    token = await home.invite(book, editor.email)
    for _ in range(2):
        assert (404, "invitation-not-found") == (await stranger.post(f"/invitations/{token}/accept")).outcome
        await editor.post(f"/invitations/{token}/accept")
    assert NOT_FOUND == (await stranger.get(f"/books/{book['id']}")).outcome


async def test_invitation_that_does_not_exist_is_not_found(home, editor, book):
    token = await home.invite(book, editor.email)
    forged = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
    for text in ("x", "%00", "ä", NOWHERE, token[:-1], f"{token}A", forged, "A" * len(token)):
        assert (404, "invitation-not-found") == (await editor.post(f"/invitations/{text}/accept")).outcome, text
    assert 200 == (await editor.post(f"/invitations/{token}/accept")).status


async def test_invitation_is_good_once(home, editor, book):
    token = await home.invite(book, editor.email)
    await editor.post(f"/invitations/{token}/accept")
    assert (410, "invitation-gone") == (await editor.post(f"/invitations/{token}/accept")).outcome
    await home.delete(f"/books/{book['id']}/members/{await editor.id}")
    assert (410, "invitation-gone") == (await editor.post(f"/invitations/{token}/accept")).outcome
    assert NOT_FOUND == (await editor.get(f"/books/{book['id']}")).outcome


async def test_invitation_that_expired_is_gone(client, home, editor, book):
    tokens = [await home.invite(book, editor.email) for _ in range(2)]
    ledger = client.server.app[LEDGER]
    for passed, status in ((LIFETIME + timedelta(seconds=1), 410), (LIFETIME - timedelta(minutes=1), 200)):
        ledger.clock = lambda passed=passed: datetime.now(UTC) + passed
        assert status == (await editor.post(f"/invitations/{tokens.pop()}/accept")).status


async def test_invitation_of_a_member_is_refused_and_stays_good(home, editor, book):
    tokens = [await home.invite(book, editor.email) for _ in range(2)]
    await editor.post(f"/invitations/{tokens[0]}/accept")
    assert (409, "already-member") == (await editor.post(f"/invitations/{tokens[1]}/accept")).outcome
    own = await home.invite(book, home.email)
    assert (409, "already-member") == (await home.post(f"/invitations/{own}/accept")).outcome
    await editor.delete(f"/books/{book['id']}/members/{await editor.id}")
    assert 200 == (await editor.post(f"/invitations/{tokens[1]}/accept")).status


async def test_invitation_to_a_deleted_book_waits_until_it_is_restored(home, editor, book):
    token = await home.invite(book, editor.email)
    await home.delete(f"/books/{book['id']}")
    assert (409, "book-deleted") == (await editor.post(f"/invitations/{token}/accept")).outcome
    body = {"email": "x@example.com", "role": "viewer"}
    assert (409, "book-deleted") == (await home.post(f"/books/{book['id']}/invitations", body)).outcome
    await home.post(f"/books/{book['id']}/restore")
    assert 200 == (await editor.post(f"/invitations/{token}/accept")).status


async def test_invitation_is_refused_where_a_field_is_wrong(home, book):
    good = {"email": "x@example.com", "role": "viewer"}
    for fields, field in [
        ({"role": "owner"}, "role"),
        ({"role": "boss"}, "role"),
        ({"role": None}, "role"),
        ({"email": "x"}, "email"),
        ({"email": None}, "email"),
        ({"email": f"{'x' * 250}@example.com"}, "email"),
        ({"name": "x"}, "name"),
    ]:
        answer = await home.post(f"/books/{book['id']}/invitations", {**good, **fields})
        assert [field] == list(answer.errors), fields
    assert {"email", "role"} == set((await home.post(f"/books/{book['id']}/invitations", {})).errors)
    token = await home.invite(book, "x@example.com")
    assert ["role"] == list((await home.post(f"/invitations/{token}/accept", {"role": "owner"})).errors)


async def test_invitation_leaves_its_token_neither_in_events_nor_in_logs(home, editor, book, database, capfd):
    token = await home.invite(book, editor.email)
    await editor.post(f"/invitations/{token}/accept")
    rows = await database.fetch("SELECT state FROM eventstore.events")
    told = b"".join(row["state"] for row in rows)
    output = "".join(capfd.readouterr())

    assert b"token_hash" in told
    for part in (token, token[-40:]):
        assert part.encode() not in told
        assert part not in output
    assert editor.email.encode() not in told


# ── roles ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_member_given_another_role_is_shown_with_it_and_may_what_it_allows(home, viewer, book):
    await home.share(book, viewer, "viewer")
    path = f"/books/{book['id']}/members/{await viewer.id}"
    answer = await home.patch(path, {"role": "editor"})

    assert (200, (await home.get(f"/books/{book['id']}/members")).items[1]) == (answer.status, answer.json)
    assert ("editor", viewer.email) == (answer.json["role"], answer.json["email"])
    assert "editor" == (await viewer.get(f"/books/{book['id']}")).json["role"]
    await viewer.record(book)
    await home.patch(path, {"role": "auditor"})
    assert NOT_PERMITTED == (await viewer.post(f"/books/{book['id']}/entries", ENTRY)).outcome


async def test_member_given_the_same_role_changes_nothing(home, viewer, book):
    await home.share(book, viewer, "viewer")
    before = await home.get(f"/books/{book['id']}")
    for user, role in ((await viewer.id, "viewer"), (await home.id, "owner")):
        assert 200 == (await home.patch(f"/books/{book['id']}/members/{user}", {"role": role})).status
    assert before.content == (await home.get(f"/books/{book['id']}")).content


async def test_who_may_do_what_in_a_book_is_logged_as_it_changes(home, viewer, book):
    path = f"/books/{book['id']}/members/{await viewer.id}"
    with structlog.testing.capture_logs() as lines:
        await home.share(book, viewer, "viewer")
        assert 200 == (await home.patch(path, {"role": "editor"})).status
        assert 204 == (await home.delete(path)).status
    told = [line for line in lines if line["event"] == "role in a book"]
    actors = [await viewer.id, await home.id, await home.id]
    assert list(zip(["viewer", "editor", "none"], actors, strict=True)) == [
        (line["role"], str(line["actor"])) for line in told
    ]
    assert {(book["id"], await viewer.id)} == {(str(line["book_id"]), str(line["user_id"])) for line in told}
    assert all(line["request_id"] for line in told)


async def test_member_is_given_roles_that_exist_to_people_who_are_there(home, stranger, viewer, book):
    await home.share(book, viewer, "viewer")
    path = f"/books/{book['id']}/members"
    for body in ({"role": "boss"}, {"role": None}, {"role": "viewer", "name": "x"}):
        assert [list(body)[-1]] == list((await home.patch(f"{path}/{await viewer.id}", body)).errors)
    for user in (await stranger.id, NOWHERE, "x", "%00"):
        for method, body in (("PATCH", {"role": "viewer"}), ("DELETE", None)):
            answer = await home.ask(method, f"{path}/{user}", json=body)
            assert (404, "member-not-found") == answer.outcome, (method, user)


async def test_book_handed_over_has_another_owner_and_counts_in_the_other_wallet(home, editor, book):
    await home.share(book, editor, "viewer")
    await home.record(book, kind="income", amount="700")
    assert [] == (await editor.get("/wallet")).json["wallets"]
    answer = await home.patch(f"/books/{book['id']}/members/{await editor.id}", {"role": "owner"})

    assert (200, "owner") == (answer.status, answer.json["role"])
    (wallet,) = (await editor.get("/wallet")).json["wallets"]
    assert ([book["id"]], "700") == ([item["book_id"] for item in wallet["books"]], wallet["balance"])
    assert [] == (await home.get("/wallet")).json["wallets"]
    roles = {item["email"]: item["role"] for item in (await home.get(f"/books/{book['id']}/members")).items}
    assert {home.email: "editor", editor.email: "owner"} == roles
    assert NOT_PERMITTED == (await home.patch(f"/books/{book['id']}", {"name": "x"})).outcome
    assert 200 == (await editor.patch(f"/books/{book['id']}", {"name": "x"})).status
    assert 204 == (await home.delete(f"/books/{book['id']}/members/{await home.id}")).status
    assert NOT_FOUND == (await home.get(f"/books/{book['id']}")).outcome


async def test_owner_stays_until_the_book_is_handed_over(home, editor, book):
    await home.share(book, editor)
    path = f"/books/{book['id']}/members/{await home.id}"
    for role in ("editor", "viewer", "auditor"):
        assert (403, "owner-must-stay") == (await home.patch(path, {"role": role})).outcome
    assert (403, "owner-must-stay") == (await home.delete(path)).outcome


# ── leaving ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("by", ["owner", "self"])
async def test_member_who_is_gone_sees_nothing_and_what_they_recorded_stays(home, editor, book, by):
    await home.share(book, editor)
    entry, user = await editor.record(book), await editor.id
    household = home if by == "owner" else editor
    answer = await household.delete(f"/books/{book['id']}/members/{user}")

    assert (204, b"") == (answer.status, answer.content)
    assert NOT_FOUND == (await editor.get(f"/books/{book['id']}")).outcome
    assert NOT_FOUND == (await editor.post(f"/books/{book['id']}/entries", ENTRY)).outcome
    assert NOT_FOUND == (await editor.delete(f"/books/{book['id']}/members/{user}")).outcome
    assert [] == (await editor.get("/books?state=all")).items
    assert [home.email] == [item["email"] for item in (await home.get(f"/books/{book['id']}/members")).items]
    assert (entry, user) == ((await home.get(path_of(entry))).json, entry["created_by"])


async def test_members_of_a_deleted_book_stay(home, editor, book):
    await home.share(book, editor)
    await home.delete(f"/books/{book['id']}")
    path = f"/books/{book['id']}/members"
    for household, method, user, body in [
        (home, "DELETE", await editor.id, None),
        (home, "PATCH", await editor.id, {"role": "viewer"}),
        (editor, "DELETE", await editor.id, None),
    ]:
        assert (409, "book-deleted") == (await household.ask(method, f"{path}/{user}", json=body)).outcome
    assert 2 == len((await editor.get(path)).items)
    assert NOT_PERMITTED == (await editor.post(f"/books/{book['id']}/restore")).outcome


# ── preconditions ────────────────────────────────────────────────────────────────────────────────────────


async def test_member_that_changed_is_left_alone_by_a_stale_if_match(home, viewer, book):
    await home.share(book, viewer, "viewer")
    path = f"/books/{book['id']}/members/{await viewer.id}"
    stale = (await home.patch(path, {"role": "auditor"})).headers["ETag"]
    current = (await home.patch(path, {"role": "viewer"})).headers["ETag"]
    version = (await home.get(f"/books/{book['id']}")).json["version"]
    for method, body in (("PATCH", {"role": "editor"}), ("DELETE", None)):
        answer = await home.ask(method, path, json=body, headers={"If-Match": stale})
        assert (412, "member-changed") == answer.outcome
        assert (version, current) == (answer.json["version"], answer.headers["ETag"])
    assert 200 == (await home.patch(path, {"role": "editor"}, headers={"If-Match": current})).status
    assert 204 == (await home.delete(path, headers={"If-Match": "*"})).status


async def test_member_is_read_with_the_tag_that_changes_it(home, viewer, stranger, book):
    await home.share(book, viewer, "viewer")
    members = f"/books/{book['id']}/members"
    path = f"{members}/{await viewer.id}"
    before = await viewer.get(path)
    patched = await home.patch(path, {"role": "auditor"}, headers={"If-Match": before.headers["ETag"]})
    after = await home.get(path)

    assert after.json in (await home.get(members)).items
    assert {**before.json, "role": "auditor"} == after.json
    assert (patched.content, patched.headers["ETag"]) == (after.content, after.headers["ETag"])
    assert before.content == (await home.get(f"{path}?known_at=3")).content
    for target in (f"{path}?known_at=1", f"{members}/{NOWHERE}", f"{members}/x", f"{members}/{await stranger.id}"):
        assert (404, "member-not-found") == (await home.get(target)).outcome, target
    for query in ("", "?known_at=3"):
        assert (404, "book-not-found") == (await stranger.get(f"{path}{query}")).outcome


async def test_precondition_of_a_member_is_not_broken_by_what_else_happens_in_the_book(home, viewer, book):
    await home.share(book, viewer, "viewer")
    path = f"/books/{book['id']}/members/{await viewer.id}"
    etag = (await home.patch(path, {"role": "auditor"})).headers["ETag"]
    await home.patch(f"/books/{book['id']}", {"name": "x"})
    assert 200 == (await home.patch(path, {"role": "editor"}, headers={"If-Match": etag})).status


async def test_refusal_of_a_precondition_names_the_present_version_and_tag(home, book):
    entry, category = await home.record(book), await home.category(book, "식비")
    path = f"/books/{book['id']}"
    of_category = f"{path}/categories/{category['id']}"
    entry_etag = (await home.patch(path_of(entry), {"memo": "x"})).headers["ETag"]
    category_etag = (await home.patch(of_category, {"name": "x"})).headers["ETag"]
    book_etag = (await home.get(path)).headers["ETag"]
    for method, target, body, slug, version, etag in [
        ("PATCH", path, {"name": "y"}, "book-changed", 2, book_etag),
        ("DELETE", path, None, "book-changed", 2, book_etag),
        ("POST", f"{path}/closings", {"through": "2026-01-01"}, "book-changed", 2, book_etag),
        ("DELETE", f"{path}/closings/latest", {"reason": "x"}, "book-changed", 2, book_etag),
        ("PATCH", of_category, {"name": "y"}, "category-changed", 2, category_etag),
        ("DELETE", of_category, None, "category-changed", 2, category_etag),
        ("POST", f"{of_category}/restore", None, "category-changed", 2, category_etag),
        ("PATCH", path_of(entry), {"memo": "y"}, "entry-changed", 2, entry_etag),
        ("DELETE", path_of(entry), None, "entry-changed", 2, entry_etag),
        ("POST", f"{path_of(entry)}/restore", None, "entry-changed", 2, entry_etag),
        ("POST", f"{path_of(entry)}/duplicate", None, "entry-changed", 2, entry_etag),
        ("POST", f"{path_of(entry)}/revert", {"version": 1}, "entry-changed", 2, entry_etag),
    ]:
        answer = await home.ask(method, target, json=body, headers={"If-Match": '"stale"'})
        assert (412, slug) == answer.outcome, (method, target)
        assert (version, etag) == (answer.json["version"], answer.headers["ETag"]), (method, target)


async def test_every_read_that_did_not_change_is_not_sent_again(home, editor, book):
    await home.share(book, editor)
    await home.made(f"/books/{book['id']}/closings", {"through": "2026-01-31"})
    entry, category = await home.record(book), await home.category(book, "식비")
    path = f"/books/{book['id']}"
    reads = [
        *("/books", "/wallet", path, f"{path}/entries", path_of(entry), f"{path}/categories", f"{path}/members"),
        *(f"{path}/categories/{category['id']}", f"{path}/members/{await editor.id}"),
        *(f"{path}/closings", f"{path}/totals", f"{path}/totals?group_by=member", f"{path}/history"),
        *(f"{path_of(entry)}/history", f"{path}/categories/{category['id']}/history", f"{path}?known_at=2"),
        f"{path}/diff?known_at=1",
    ]
    for target in reads:
        first = await home.get(target)
        again = await home.get(target, headers={"If-None-Match": first.headers["ETag"]})
        assert (304, b"", first.headers["ETag"]) == (again.status, again.content, again.headers["ETag"]), target
        assert 200 == (await home.get(target, headers={"If-None-Match": '"other"'})).status, target


# ── what members recorded ────────────────────────────────────────────────────────────────────────────────


async def test_wallet_counts_the_books_that_are_owned_and_no_others(home, editor, book):
    await home.share(book, editor)
    await editor.record(book, kind="income", amount="700")
    own = await editor.open_book(opening_balance="50")
    (wallet,) = (await editor.get("/wallet")).json["wallets"]
    assert ("50", [own["id"]]) == (wallet["balance"], [item["book_id"] for item in wallet["books"]])
    assert [book["id"], own["id"]] == [item["id"] for item in (await editor.get("/books")).items]


async def test_totals_by_member_sum_what_each_recorded(home, editor, book):
    await home.share(book, editor)
    await home.record(book, amount="100")
    entry = await editor.record(book, amount="30")
    await editor.record(book, amount="900", kind="income", occurred_on="2026-03-01")
    await home.patch(path_of(entry), {"amount": "40"})  # whoever edits it, it stays hers
    path = f"/books/{book['id']}/totals?group_by=member"
    groups = {group["key"]: group for group in (await home.get(path)).json["groups"]}
    february = (await home.get(f"{path}&from=2026-02-01&to=2026-02-28")).json["groups"]

    mine, hers = await home.id, await editor.id
    assert {"key": mine, "income": "0", "expense": "100", "total": "-100", "count": 1} == groups[mine]
    assert {"key": hers, "income": "900", "expense": "40", "total": "860", "count": 2} == groups[hers]
    assert {mine, hers} == set(groups)
    assert {mine: "100", hers: "40"} == {group["key"]: group["expense"] for group in february}
