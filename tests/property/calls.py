"""What is done to books, their categories, members and closed periods, and what must come of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.property.model import Call, Json, Refused, World, folded, member_of, minor, nfc
from tests.property.views import book_view, member_view

OWNERS = {"owner"}
WRITERS = {"owner", "editor"}


@dataclass(frozen=True)
class Seen:
    """A resource as a client saw it, with the tag that names this state of it."""

    etag: str
    view: Json = field(hash=False)


def tag(seen: Seen | None) -> str | None:
    return seen.etag if seen else None


def require_seen(seen: Seen | None, view: Json, slug: str) -> None:
    """What If-Match asks for."""
    if seen is not None and seen.view != view:
        raise Refused(412, slug)


def require_role(book: Json, user: str, roles: set[str]) -> None:
    if book["members"][user]["role"] not in roles:
        raise Refused(403, "not-permitted")


def require_live(book: Json) -> None:
    if book["deleted"]:
        raise Refused(409, "book-deleted")


# ── books ────────────────────────────────────────────────────────────────────────────────────────────────


def open_book(user: str, body: Json) -> Call:
    def act(world: World, answer: Json) -> tuple[int, Any]:
        book_id = answer["id"]
        assert book_id not in world.books
        world.books[book_id] = {
            "name": nfc(body["name"]),
            "description": "",
            "currency": body["currency"],
            "opening": minor(body["opening_balance"], body["currency"]),
            "deleted": False,
            "version": 1,
            "created_at": answer["created_at"],
            "members": {user: {"role": "owner", "joined_at": answer["created_at"]}},
            "invited": 0,
            "closings": [],
            "categories": {},
            "entries": {},
        }
        return 201, book_view(world, user, book_id)

    return Call(user, "POST", "/books", act, body)


def _book_to_change(world: World, user: str, book_id: str, seen: Seen | None) -> Json:
    book = member_of(world, user, book_id)
    require_role(book, user, OWNERS)
    require_seen(seen, book_view(world, user, book_id), "book-changed")
    return book


def amend_book(user: str, book_id: str, body: Json, seen: Seen | None = None) -> Call:
    def act(world: World, _: Json) -> tuple[int, Any]:
        book = _book_to_change(world, user, book_id, seen)
        require_live(book)
        changed = {name: nfc(value) for name, value in body.items() if name != "opening_balance"}
        if "opening_balance" in body:
            changed["opening"] = minor(body["opening_balance"], book["currency"])
        if any(book[name] != value for name, value in changed.items()):
            book.update(changed, version=book["version"] + 1)
        return 200, book_view(world, user, book_id)

    return Call(user, "PATCH", f"/books/{book_id}", act, body, tag(seen), shows_later=True)


def delete_book(user: str, book_id: str, seen: Seen | None = None) -> Call:
    def act(world: World, _: Json) -> tuple[int, Any]:
        book = _book_to_change(world, user, book_id, seen)
        require_live(book)
        book.update(deleted=True, version=book["version"] + 1)
        return 204, {}

    return Call(user, "DELETE", f"/books/{book_id}", act, None, tag(seen))


def restore_book(user: str, book_id: str, seen: Seen | None = None) -> Call:
    def act(world: World, _: Json) -> tuple[int, Any]:
        book = _book_to_change(world, user, book_id, seen)
        if not book["deleted"]:
            raise Refused(409, "book-not-deleted")
        book.update(deleted=False, version=book["version"] + 1)
        return 200, book_view(world, user, book_id)

    return Call(user, "POST", f"/books/{book_id}/restore", act, None, tag(seen), shows_later=True)


def show_book(user: str, book_id: str) -> Call:
    def act(world: World, _: Json) -> tuple[int, Any]:
        member_of(world, user, book_id)
        return 200, book_view(world, user, book_id)

    return Call(user, "GET", f"/books/{book_id}", act)


# ── closed periods ───────────────────────────────────────────────────────────────────────────────────────


def require_open(book: Json, *days: str) -> None:
    if book["closings"] and min(days) <= book["closings"][-1]["through"]:
        raise Refused(409, "period-closed")


def close_period(user: str, book_id: str, through: str, seen: Seen | None = None) -> Call:
    def act(world: World, answer: Json) -> tuple[int, Any]:
        book = _book_to_change(world, user, book_id, seen)
        require_live(book)
        if book["closings"] and through <= book["closings"][-1]["through"]:
            raise Refused(409, "already-closed")
        closing = {"through": through, "closed_at": answer.get("closed_at"), "closed_by": user}
        book["closings"].append(closing)
        book["version"] += 1
        return 201, closing

    return Call(user, "POST", f"/books/{book_id}/closings", act, {"through": through}, tag(seen))


def reopen_period(user: str, book_id: str, seen: Seen | None = None) -> Call:
    def act(world: World, _: Json) -> tuple[int, Any]:
        book = _book_to_change(world, user, book_id, seen)
        require_live(book)
        if not book["closings"]:
            raise Refused(404, "closing-not-found")
        book["closings"].pop()
        book["version"] += 1
        return 200, book["closings"][-1] if book["closings"] else {"through": None}

    path, body = f"/books/{book_id}/closings/latest", {"reason": "a bill came late"}
    return Call(user, "DELETE", path, act, body, tag(seen), shows_later=True)


# ── members ──────────────────────────────────────────────────────────────────────────────────────────────


def invite(user: str, book_id: str, email: str, role: str) -> Call:
    def act(world: World, answer: Json) -> tuple[int, Any]:
        book = member_of(world, user, book_id)
        require_role(book, user, OWNERS)
        require_live(book)
        book["invited"] += 1
        token, expires_at = answer.get("token", ""), answer.get("expires_at")
        world.invitations[token] = {"book_id": book_id, "email": email, "role": role, "used": False}
        return 201, {"token": token, "expires_at": expires_at}

    return Call(user, "POST", f"/books/{book_id}/invitations", act, {"email": email, "role": role})


def accept_invitation(user: str, token: str) -> Call:
    def act(world: World, _: Json) -> tuple[int, Any]:
        invitation = world.invitations[token]
        book = world.books[invitation["book_id"]]
        if world.emails[user] != invitation["email"]:
            raise Refused(404, "invitation-not-found")
        if invitation["used"]:
            raise Refused(410, "invitation-gone")
        require_live(book)
        if user in book["members"]:
            raise Refused(409, "already-member")
        invitation["used"] = True
        book["members"][user] = {"role": invitation["role"], "joined_at": None}
        book["invited"] += 1
        book["version"] += 1
        return 200, {"book_id": invitation["book_id"], "role": invitation["role"]}

    return Call(user, "POST", f"/invitations/{token}/accept", act)


def _require_seen_member(world: World, book_id: str, member: str, seen: Seen | None) -> None:
    if seen is not None:
        _require_member(world.books[book_id], member)
        require_seen(seen, member_view(world, book_id, member), "member-changed")


def _require_member(book: Json, member: str) -> None:
    if member not in book["members"]:
        raise Refused(404, "member-not-found")


def change_role(user: str, book_id: str, member: str, role: str, seen: Seen | None = None) -> Call:
    def act(world: World, _: Json) -> tuple[int, Any]:
        book = member_of(world, user, book_id)
        require_role(book, user, OWNERS)
        _require_seen_member(world, book_id, member, seen)
        require_live(book)
        _require_member(book, member)
        if book["members"][member]["role"] != role:
            if member == user:
                raise Refused(403, "owner-must-stay")
            if role == "owner":
                book["members"][user]["role"] = "editor"
            book["members"][member]["role"] = role
            book["version"] += 1
        return 200, member_view(world, book_id, member)

    return Call(user, "PATCH", f"/books/{book_id}/members/{member}", act, {"role": role}, tag(seen), shows_later=True)


def remove_member(user: str, book_id: str, member: str, seen: Seen | None = None) -> Call:
    def act(world: World, _: Json) -> tuple[int, Any]:
        book = member_of(world, user, book_id)
        if member != user:
            require_role(book, user, OWNERS)
        _require_seen_member(world, book_id, member, seen)
        require_live(book)
        _require_member(book, member)
        if book["members"][member]["role"] == "owner":
            raise Refused(403, "owner-must-stay")
        del book["members"][member]
        book["version"] += 1
        return 204, {}

    return Call(user, "DELETE", f"/books/{book_id}/members/{member}", act, None, tag(seen))


# ── categories ───────────────────────────────────────────────────────────────────────────────────────────


def _require_unused(book: Json, kind: str, name: str, but: str | None = None) -> None:
    for category in book["categories"].values():
        same = (category["kind"], folded(category["name"])) == (kind, folded(name))
        if same and not category["deleted"] and category["id"] != but:
            raise Refused(409, "category-exists")


def add_category(user: str, book_id: str, body: Json) -> Call:
    def act(world: World, answer: Json) -> tuple[int, Any]:
        book, name = member_of(world, user, book_id), nfc(body["name"])
        require_role(book, user, WRITERS)
        require_live(book)
        _require_unused(book, body["kind"], name)
        category = {"id": answer.get("id"), "name": name, "kind": body["kind"], "deleted": False}
        book["categories"][answer.get("id")] = category
        book["version"] += 1
        return 201, category

    return Call(user, "POST", f"/books/{book_id}/categories", act, body)


Change = Callable[[Json, Json], None]
"""Of a book and its category."""


def _category_call(
    user: str,
    method: str,
    ids: tuple[str, str],
    seen: Seen | None,
    change: Change,
    *,
    body: Json | None = None,
    restores: bool = False,
) -> Call:
    book_id, category_id = ids

    def act(world: World, _: Json) -> tuple[int, Any]:
        book = member_of(world, user, book_id)
        require_role(book, user, WRITERS)
        category = book["categories"][category_id]
        require_seen(seen, category, "category-changed")
        require_live(book)
        if category["deleted"] != restores:
            raise Refused(409, "category-not-deleted" if restores else "category-deleted")
        before = dict(category)
        change(book, category)
        book["version"] += category != before
        return (204, {}) if method == "DELETE" else (200, category)

    path = f"/books/{book_id}/categories/{category_id}{'/restore' if restores else ''}"
    return Call(user, method, path, act, body, tag(seen))


def rename_category(user: str, book_id: str, category_id: str, body: Json, seen: Seen | None = None) -> Call:
    def change(book: Json, category: Json) -> None:
        _require_unused(book, category["kind"], nfc(body["name"]), category_id)
        category["name"] = nfc(body["name"])

    return _category_call(user, "PATCH", (book_id, category_id), seen, change, body=body)


def delete_category(user: str, book_id: str, category_id: str, seen: Seen | None = None) -> Call:
    def change(_book: Json, category: Json) -> None:
        category["deleted"] = True

    return _category_call(user, "DELETE", (book_id, category_id), seen, change)


def restore_category(user: str, book_id: str, category_id: str, seen: Seen | None = None) -> Call:
    def change(book: Json, category: Json) -> None:
        _require_unused(book, category["kind"], category["name"])
        category["deleted"] = False

    return _category_call(user, "POST", (book_id, category_id), seen, change, restores=True)
