"""What is done to entries and transfers, and what must come of it; every version of an entry is kept."""

from collections.abc import Callable
from typing import Any

from tests.property.calls import WRITERS, Seen, require_live, require_open, require_role, require_seen, tag
from tests.property.model import Call, Json, Refused, World, member_of, minor, nfc
from tests.property.views import entry_view, present

Act = Callable[[World, Json], tuple[int, Any]]
Ids = tuple[str, str]
"""Of a book and its entry."""


def writable(world: World, user: str, book_id: str) -> Json:
    book = member_of(world, user, book_id)
    require_role(book, user, WRITERS)
    require_live(book)
    return book


def _usable_category(book: Json, category_id: str | None) -> str | None:
    if category_id is not None and book["categories"][category_id]["deleted"]:
        raise Refused(422, "invalid-request")
    return category_id


def _unique(tags: list[str]) -> list[str]:
    first: dict[str, str] = {}
    for word in map(nfc, tags):
        first.setdefault(word.casefold(), word)
    return list(first.values())


def _put(book: Json, user: str, answer: Json, content: Json, *, transfer: Json | None, copied_from: str | None) -> None:
    book["entries"][answer.get("id", "")] = {
        "created_at": answer.get("created_at"),
        "created_by": user,
        "copied_from": copied_from,
        "transfer": transfer,
        "past": [content],
        "by": [user],
    }


def record_entry(user: str, book_id: str, body: Json) -> Call:
    def act(world: World, answer: Json) -> tuple[int, Any]:
        book = writable(world, user, book_id)
        require_open(book, body["occurred_on"])
        content = {
            "kind": body["kind"],
            "amount": minor(body["amount"], book["currency"]),
            "occurred_on": body["occurred_on"],
            "category_id": _usable_category(book, body.get("category_id")),
            "memo": nfc(body.get("memo", "")),
            "tags": _unique(body.get("tags", [])),
            "deleted": False,
        }
        _put(book, user, answer, content, transfer=None, copied_from=None)
        return 201, entry_view(world, book_id, answer.get("id", ""))

    return Call(user, "POST", f"/books/{book_id}/entries", act, body)


# ── transfers: two entries, which change together ────────────────────────────────────────────────────────


def transfer(user: str, body: Json) -> Call:
    def act(world: World, answer: Json) -> tuple[int, Any]:
        books = [member_of(world, user, body[side]) for side in ("from_book", "to_book")]
        for side in ("from_book", "to_book"):
            writable(world, user, body[side])
        for book in books:
            require_open(book, body["occurred_on"])
        out, into = answer.get("from", {}), answer.get("to", {})
        amounts = [body["amount"], body.get("to_amount", body["amount"])]
        links = [_link(answer.get("transfer_id"), *link) for link in (("out", into), ("in", out))]
        for book, side, amount, link in zip(books, (out, into), amounts, links, strict=True):
            _put(book, user, side, _moved(book, amount, body), transfer=link, copied_from=None)
        views = [entry_view(world, body[name], side["id"]) for name, side in (("from_book", out), ("to_book", into))]
        return 201, {"transfer_id": answer["transfer_id"], "from": views[0], "to": views[1]}

    return Call(user, "POST", "/transfers", act, body)


def _link(transfer_id: str | None, direction: str, other: Json) -> Json:
    """What is shown of a transfer's other side."""
    return {"id": transfer_id, "direction": direction, "book_id": other.get("book_id"), "entry_id": other.get("id")}


def _moved(book: Json, amount: str | int, body: Json) -> Json:
    return {
        "kind": "transfer",
        "amount": minor(amount, book["currency"]),
        "occurred_on": body["occurred_on"],
        "category_id": None,
        "memo": nfc(body.get("memo", "")),
        "tags": [],
        "deleted": False,
    }


def _other_side(world: World, user: str, entry: Json) -> tuple[Json, Json]:
    """The other book of a transfer, for who may write in it, and the entry there."""
    link = entry["transfer"]
    if user not in world.books[link["book_id"]]["members"]:
        raise Refused(403, "not-permitted")
    book = writable(world, user, link["book_id"])
    return book, book["entries"][link["entry_id"]]


def _change(world: World, user: str, ids: Ids, content: Json, *, always: bool = False) -> tuple[int, Json]:
    """Give an entry new content, and the other side of a transfer its share of it."""
    book, entry = world.books[ids[0]], world.books[ids[0]]["entries"][ids[1]]
    if always or content != present(entry):
        _become(book, entry, user, content)
        if entry["transfer"]:
            _mirror(world, user, book, entry, content)
    return 200, entry_view(world, *ids)


def _mirror(world: World, user: str, book: Json, entry: Json, content: Json) -> None:
    """Bring the other side to the same, as somebody there would; who changes nothing there need not be allowed to."""
    other_book = world.books[entry["transfer"]["book_id"]]
    then = present(other_book["entries"][entry["transfer"]["entry_id"]])
    shared = ["occurred_on", "memo", "deleted"]
    shared += ["amount"] if book["currency"] == other_book["currency"] else []
    mirrored = {**then, **{name: content[name] for name in shared}}
    if mirrored != then:
        _, other = _other_side(world, user, entry)
        for step in ({**then, "deleted": False}, {**mirrored, "deleted": False}, mirrored):
            if step != present(other):
                _become(other_book, other, user, step)


def _become(book: Json, entry: Json, user: str, content: Json) -> None:
    require_open(book, present(entry)["occurred_on"], content["occurred_on"])
    entry["past"].append(content)
    entry["by"].append(user)


# ── changes of one entry ─────────────────────────────────────────────────────────────────────────────────


def _entry(world: World, user: str, ids: Ids, seen: Seen | None) -> Json:
    entry: Json = writable(world, user, ids[0])["entries"][ids[1]]
    require_seen(seen, entry_view(world, *ids), "entry-changed")
    return entry


def _require_live_entry(entry: Json) -> None:
    if present(entry)["deleted"]:
        raise Refused(409, "entry-deleted")


def _call(
    user: str, method: str, ids: Ids, seen: Seen | None, act: Act, body: Json | None = None, action: str = ""
) -> Call:
    return Call(user, method, f"/books/{ids[0]}/entries/{ids[1]}{action}", act, body, tag(seen))


def amend_entry(user: str, ids: Ids, body: Json, seen: Seen | None = None) -> Call:
    def act(world: World, _: Json) -> tuple[int, Any]:
        book, entry = world.books[ids[0]], _entry(world, user, ids, seen)
        changed = dict(body)
        if entry["transfer"] and "kind" in body:
            raise Refused(422, "invalid-request")
        if "amount" in body:
            changed["amount"] = minor(body["amount"], book["currency"])
        if body.get("category_id") != present(entry)["category_id"]:
            _usable_category(book, body.get("category_id"))
        if "memo" in body:
            changed["memo"] = nfc(body["memo"] or "")
        if "tags" in body:
            changed["tags"] = _unique(body["tags"] or [])
        _require_live_entry(entry)
        return _change(world, user, ids, {**present(entry), **changed})

    return _call(user, "PATCH", ids, seen, act, body)


def delete_entry(user: str, ids: Ids, seen: Seen | None = None) -> Call:
    def act(world: World, _: Json) -> tuple[int, Any]:
        entry = _entry(world, user, ids, seen)
        _require_live_entry(entry)
        _change(world, user, ids, {**present(entry), "deleted": True})
        return 204, {}

    return _call(user, "DELETE", ids, seen, act)


def restore_entry(user: str, ids: Ids, seen: Seen | None = None) -> Call:
    def act(world: World, _: Json) -> tuple[int, Any]:
        entry = _entry(world, user, ids, seen)
        if not present(entry)["deleted"]:
            raise Refused(409, "entry-not-deleted")
        return _change(world, user, ids, {**present(entry), "deleted": False})

    return _call(user, "POST", ids, seen, act, action="/restore")


def revert_entry(user: str, ids: Ids, version: int, seen: Seen | None = None) -> Call:
    def act(world: World, _: Json) -> tuple[int, Any]:
        past = _entry(world, user, ids, seen)["past"]
        if not 1 <= version <= len(past):
            raise Refused(422, "invalid-request")
        return _change(world, user, ids, past[version - 1], always=call.key is not None)

    call = _call(user, "POST", ids, seen, act, {"version": version}, "/revert")
    return call


def duplicate_entry(user: str, ids: Ids, body: Json, seen: Seen | None = None) -> Call:
    def act(world: World, answer: Json) -> tuple[int, Any]:
        entry = _entry(world, user, ids, seen)
        _require_live_entry(entry)
        day, link = body.get("occurred_on", present(entry)["occurred_on"]), answer.get("transfer", {})
        _copy(world.books[ids[0]], user, entry, answer, day, link, ids[1])
        if entry["transfer"]:
            other_book, other = _other_side(world, user, entry)
            made = {"id": link.get("entry_id"), "created_at": answer.get("created_at")}
            back = {"id": link.get("id"), "entry_id": answer.get("id")}
            _copy(other_book, user, other, made, day, back, entry["transfer"]["entry_id"])
        return 201, entry_view(world, ids[0], answer.get("id", ""))

    return _call(user, "POST", ids, seen, act, body, "/duplicate")


def _copy(book: Json, user: str, entry: Json, answer: Json, day: str, link: Json, copied_from: str) -> None:
    """Record an entry anew; that of a transfer is one side of a new transfer."""
    require_open(book, day)
    new = {name: link.get(name) for name in ("id", "entry_id")}
    transfer = {**entry["transfer"], **new} if entry["transfer"] else None
    _put(book, user, answer, {**present(entry), "occurred_on": day}, transfer=transfer, copied_from=copied_from)


def show_entry(user: str, ids: Ids) -> Call:
    def act(world: World, _: Json) -> tuple[int, Any]:
        entry = member_of(world, user, ids[0])["entries"][ids[1]]
        if present(entry)["deleted"]:
            raise Refused(404, "entry-not-found")
        return 200, entry_view(world, *ids)

    return _call(user, "GET", ids, None, act)
