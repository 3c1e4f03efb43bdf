"""A household as plain dictionaries: what every call must do, said a second time, as simply as it can be."""

import copy
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

DECIMALS = {"KRW": 0, "USD": 2, "KWD": 3}
VOLATILE = ("updated_at",)
"""The database's clock at a change that may have had no answer."""

World = dict[str, dict[str, Any]]
"""{book id: the book, with its categories and entries}."""
Json = dict[str, Any]


class Refused(Exception):
    def __init__(self, status: int, slug: str) -> None:
        self.answer = (status, slug)


@dataclass
class Call:
    """A request, and what the model says to it."""

    user: str
    method: str
    path: str
    act: Callable[[World, Json], tuple[int, Any]] = field(repr=False)
    body: Json | None = None
    if_match: str | None = None
    shows_later: bool = False
    """Its answer is read after the change, so it may show what others did since."""


def outcome(world: World, call: Call, status: int, body: Json, *, alone: bool = True) -> World | None:
    """The world after a call that was answered like this; None where the model answers differently."""
    after = copy.deepcopy(world)
    try:
        expected = call.act(after, body)
    except Refused as refused:
        return world if refused.answer == (status, body.get("type", "").removeprefix("/problems/")) else None
    if call.shows_later and not alone:
        return after if expected[0] == status else None
    return after if expected == (status, lasting(body)) else None


def explanations(world: World, answered: list[tuple[Call, int, Json]]) -> list[World]:
    """Every world that some order of the calls, one after the other, leads to with these very answers."""
    if not answered:
        return [world]
    worlds: list[World] = []
    for index, (call, status, body) in enumerate(answered):
        after = outcome(world, call, status, body, alone=False)
        if after is not None:
            found = explanations(after, answered[:index] + answered[index + 1 :])
            worlds += [other for other in found if other not in worlds]
    return worlds


def lasting(body: Any) -> Any:
    return {name: value for name, value in body.items() if name not in VOLATILE} if isinstance(body, dict) else body


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def folded(text: str) -> str:
    return nfc(text.casefold())


def minor(amount: str | int, currency: str) -> int:
    return int(Decimal(amount).scaleb(DECIMALS[currency]))


def shown(amount_minor: int, currency: str) -> str:
    return f"{Decimal(amount_minor).scaleb(-DECIMALS[currency]):.{DECIMALS[currency]}f}"


# ── what is seen ─────────────────────────────────────────────────────────────────────────────────────────


def live_entries(book: Json) -> list[Json]:
    return [entry for entry in book["entries"].values() if not entry["deleted"]]


def sums(entries: Iterable[Json]) -> tuple[int, int]:
    by_kind: defaultdict[str, int] = defaultdict(int)
    for entry in entries:
        by_kind[entry["kind"]] += entry["amount"]
    return by_kind["income"], by_kind["expense"]


def book_view(world: World, book_id: str) -> Json:
    book = world[book_id]
    income, expense = sums(live_entries(book))
    amounts = {
        "opening_balance": book["opening"],
        "income": income,
        "expense": expense,
        "total": income - expense,
        "transferred": 0,
        "balance": book["opening"] + income - expense,
    }
    return {
        "id": book_id,
        "role": "owner",
        "closed_through": None,
        "entry_count": len(live_entries(book)),
        **{name: book[name] for name in ("name", "description", "currency", "deleted", "created_at", "version")},
        **{name: shown(amount, book["currency"]) for name, amount in amounts.items()},
    }


def entry_view(world: World, book_id: str, entry_id: str) -> Json:
    book = world[book_id]
    entry = book["entries"][entry_id]
    same = ("kind", "occurred_on", "memo", "tags", "copied_from", "deleted", "created_at", "created_by", "version")
    return {
        "id": entry_id,
        "book_id": book_id,
        "currency": book["currency"],
        "amount": shown(entry["amount"], book["currency"]),
        "category": book["categories"].get(entry["category_id"]),
        "batch_id": None,
        **{name: entry[name] for name in same},
    }


def list_view(world: World, book_id: str, query: Json) -> list[Json]:
    """All entries that a query asks for, in its order."""
    book = world[book_id]
    ids = sorted(entry_id for entry_id, entry in book["entries"].items() if _wanted(book, entry, query))
    sort = query.get("sort", "-occurred_on")
    column = {"recorded_at": "created_at"}.get(sort.removeprefix("-"), sort.removeprefix("-"))
    # Equal keys stay in the order of their ids, also in a reversed sort.
    ids.sort(key=lambda entry_id: book["entries"][entry_id][column], reverse=sort.startswith("-"))
    return [entry_view(world, book_id, entry_id) for entry_id in ids]


def _wanted(book: Json, entry: Json, query: Json) -> bool:
    scale = 10 ** DECIMALS[book["currency"]]
    category = book["categories"].get(entry["category_id"])
    texts = [entry["memo"], *entry["tags"], *([category["name"]] if category else [])]
    return (
        {"live": not entry["deleted"], "deleted": entry["deleted"], "all": True}[query.get("state", "live")]
        and query.get("from", "") <= entry["occurred_on"] <= query.get("to", "9999-12-31")
        and entry["kind"] == query.get("kind", entry["kind"])
        and entry["category_id"] in query.get("category_id", [entry["category_id"]])
        and ("tag" not in query or folded(query["tag"]) in map(folded, entry["tags"]))
        and any(folded(query.get("q", "")) in folded(text) for text in texts)
        and int(query.get("min_amount", 0)) * scale <= entry["amount"]
        and entry["amount"] <= int(query.get("max_amount", 10**15)) * scale
    )


def totals_view(world: World, book_id: str, start: date, end: date, group_by: str | None) -> Json:
    book = world[book_id]
    currency = book["currency"]
    until = [entry for entry in live_entries(book) if entry["occurred_on"] <= end.isoformat()]
    within = [entry for entry in until if entry["occurred_on"] >= start.isoformat()]
    groups: defaultdict[str | None, list[Json]] = defaultdict(list)
    for entry in within:
        groups[_group_key(entry, group_by)].append(entry)
    in_order = sorted(groups, key=lambda key: (key is None, key))
    income, expense = sums(until)
    return {
        "currency": currency,
        **_sums_view(within, currency),
        "opening_balance": shown(book["opening"], currency),
        "balance": shown(book["opening"] + income - expense, currency),
        "groups": [
            {"key": key, **_sums_view(groups[key], currency), "count": len(groups[key])} for key in in_order if group_by
        ],
    }


def _group_key(entry: Json, group_by: str | None) -> str | None:
    day: str = entry["occurred_on"]
    return {"day": day, "month": day[:7], "category": entry["category_id"], None: None}[group_by]


def _sums_view(entries: Iterable[Json], currency: str) -> Json:
    income, expense = sums(entries)
    amounts = {"income": income, "expense": expense, "total": income - expense}
    return {name: shown(amount, currency) for name, amount in amounts.items()}


def books_of(world: World, user: str, *, deleted: bool) -> list[str]:
    return sorted(name for name, book in world.items() if (book["owner"], book["deleted"]) == (user, deleted))


def wallet_view(world: World, user: str) -> Json:
    by_currency: defaultdict[str, list[str]] = defaultdict(list)
    for book_id in books_of(world, user, deleted=False):
        by_currency[world[book_id]["currency"]].append(book_id)
    return {"wallets": [_purse(world, currency, ids) for currency, ids in sorted(by_currency.items())]}


def _purse(world: World, currency: str, book_ids: list[str]) -> Json:
    entries = [entry for book_id in book_ids for entry in live_entries(world[book_id])]
    income, expense = sums(entries)
    opening = sum(world[book_id]["opening"] for book_id in book_ids)
    views = [book_view(world, book_id) for book_id in book_ids]
    return {
        "currency": currency,
        **_sums_view(entries, currency),
        "balance": shown(opening + income - expense, currency),
        "books": [{"book_id": view["id"], "name": view["name"], "balance": view["balance"]} for view in views],
    }


# ── what is done ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Seen:
    """A resource as a client saw it, with the tag that names this state of it."""

    etag: str
    view: Json = field(hash=False)


def _tag(seen: Seen | None) -> str | None:
    return seen.etag if seen else None


def _require_seen(seen: Seen | None, view: Json, slug: str) -> None:
    """What If-Match asks for."""
    if seen is not None and seen.view != view:
        raise Refused(412, slug)


def _book(world: World, user: str, book_id: str, seen: Seen | None = None, *, live: bool = True) -> Json:
    book = world[book_id]
    if book["owner"] != user:
        raise Refused(404, "book-not-found")
    _require_seen(seen, book_view(world, book_id), "book-changed")
    if live and book["deleted"]:
        raise Refused(409, "book-deleted")
    return book


def open_book(user: str, body: Json) -> Call:
    def act(world: World, answer: Json) -> tuple[int, Any]:
        book_id = answer["id"]
        assert book_id not in world
        world[book_id] = {
            "owner": user,
            "name": nfc(body["name"]),
            "description": "",
            "currency": body["currency"],
            "opening": minor(body["opening_balance"], body["currency"]),
            "deleted": False,
            "version": 1,
            "created_at": answer["created_at"],
            "categories": {},
            "entries": {},
        }
        return 201, book_view(world, book_id)

    return Call(user, "POST", "/books", act, body)


def amend_book(user: str, book_id: str, body: Json, seen: Seen | None = None) -> Call:
    def act(world: World, _: Json) -> tuple[int, Any]:
        book = _book(world, user, book_id, seen)
        changed = {name: nfc(value) for name, value in body.items() if name != "opening_balance"}
        if "opening_balance" in body:
            changed["opening"] = minor(body["opening_balance"], book["currency"])
        if any(book[name] != value for name, value in changed.items()):
            book.update(changed, version=book["version"] + 1)
        return 200, book_view(world, book_id)

    return Call(user, "PATCH", f"/books/{book_id}", act, body, _tag(seen), shows_later=True)


def delete_book(user: str, book_id: str, seen: Seen | None = None) -> Call:
    def act(world: World, _: Json) -> tuple[int, Any]:
        book = _book(world, user, book_id, seen)
        book.update(deleted=True, version=book["version"] + 1)
        return 204, {}

    return Call(user, "DELETE", f"/books/{book_id}", act, None, _tag(seen))


def restore_book(user: str, book_id: str, seen: Seen | None = None) -> Call:
    def act(world: World, _: Json) -> tuple[int, Any]:
        book = _book(world, user, book_id, seen, live=False)
        if not book["deleted"]:
            raise Refused(409, "book-not-deleted")
        book.update(deleted=False, version=book["version"] + 1)
        return 200, book_view(world, book_id)

    return Call(user, "POST", f"/books/{book_id}/restore", act, None, _tag(seen), shows_later=True)


def show_book(user: str, book_id: str) -> Call:
    def act(world: World, _: Json) -> tuple[int, Any]:
        _book(world, user, book_id, live=False)
        return 200, book_view(world, book_id)

    return Call(user, "GET", f"/books/{book_id}", act)


def _require_unused(book: Json, kind: str, name: str, but: str | None = None) -> None:
    for category in book["categories"].values():
        same = (category["kind"], folded(category["name"])) == (kind, folded(name))
        if same and not category["deleted"] and category["id"] != but:
            raise Refused(409, "category-exists")


def _category(
    world: World, user: str, book_id: str, category_id: str, seen: Seen | None, *, deleted: bool = False
) -> tuple[Json, Json]:
    """The book, and its category in the state that is needed."""
    book = _book(world, user, book_id, live=False)
    category = book["categories"][category_id]
    _require_seen(seen, category, "category-changed")
    _book(world, user, book_id)
    if category["deleted"] != deleted:
        raise Refused(409, "category-not-deleted" if deleted else "category-deleted")
    return book, category


def add_category(user: str, book_id: str, body: Json) -> Call:
    def act(world: World, answer: Json) -> tuple[int, Any]:
        book, name = _book(world, user, book_id), nfc(body["name"])
        _require_unused(book, body["kind"], name)
        category = {"id": answer.get("id"), "name": name, "kind": body["kind"], "deleted": False}
        book["categories"][answer.get("id")] = category
        book["version"] += 1
        return 201, category

    return Call(user, "POST", f"/books/{book_id}/categories", act, body)


def rename_category(user: str, book_id: str, category_id: str, body: Json, seen: Seen | None = None) -> Call:
    def act(world: World, _: Json) -> tuple[int, Any]:
        book, category = _category(world, user, book_id, category_id, seen)
        name = nfc(body["name"])
        _require_unused(book, category["kind"], name, category_id)
        book["version"] += name != category["name"]
        category["name"] = name
        return 200, category

    return Call(user, "PATCH", f"/books/{book_id}/categories/{category_id}", act, body, _tag(seen))


def delete_category(user: str, book_id: str, category_id: str, seen: Seen | None = None) -> Call:
    def act(world: World, _: Json) -> tuple[int, Any]:
        book, category = _category(world, user, book_id, category_id, seen)
        category["deleted"] = True
        book["version"] += 1
        return 204, {}

    return Call(user, "DELETE", f"/books/{book_id}/categories/{category_id}", act, None, _tag(seen))


def restore_category(user: str, book_id: str, category_id: str, seen: Seen | None = None) -> Call:
    def act(world: World, _: Json) -> tuple[int, Any]:
        book, category = _category(world, user, book_id, category_id, seen, deleted=True)
        _require_unused(book, category["kind"], category["name"])
        category["deleted"] = False
        book["version"] += 1
        return 200, category

    return Call(user, "POST", f"/books/{book_id}/categories/{category_id}/restore", act, None, _tag(seen))


def _usable_category(book: Json, category_id: str | None) -> str | None:
    if category_id is not None and book["categories"][category_id]["deleted"]:
        raise Refused(422, "invalid-request")
    return category_id


def _put_entry(world: World, user: str, book_id: str, answer: Json, fields: Json) -> tuple[int, Json]:
    entry_id: str = answer.get("id", "")
    recorded = {"created_at": answer.get("created_at"), "created_by": user, "deleted": False, "version": 1}
    world[book_id]["entries"][entry_id] = {**fields, **recorded}
    return 201, entry_view(world, book_id, entry_id)


def record_entry(user: str, book_id: str, body: Json) -> Call:
    def act(world: World, answer: Json) -> tuple[int, Any]:
        book = _book(world, user, book_id)
        fields = {
            "kind": body["kind"],
            "amount": minor(body["amount"], book["currency"]),
            "occurred_on": body["occurred_on"],
            "category_id": _usable_category(book, body.get("category_id")),
            "memo": nfc(body.get("memo", "")),
            "tags": _unique(body.get("tags", [])),
            "copied_from": None,
        }
        return _put_entry(world, user, book_id, answer, fields)

    return Call(user, "POST", f"/books/{book_id}/entries", act, body)


def _unique(tags: list[str]) -> list[str]:
    first: dict[str, str] = {}
    for tag in map(nfc, tags):
        first.setdefault(tag.casefold(), tag)
    return list(first.values())


def _entry(world: World, user: str, book_id: str, entry_id: str, seen: Seen | None) -> Json:
    entry: Json = _book(world, user, book_id)["entries"][entry_id]
    _require_seen(seen, entry_view(world, book_id, entry_id), "entry-changed")
    return entry


def _require_live(entry: Json) -> None:
    if entry["deleted"]:
        raise Refused(409, "entry-deleted")


def _entry_call(
    user: str,
    method: str,
    book_id: str,
    entry_id: str,
    seen: Seen | None,
    act: Callable[[World, Json], tuple[int, Any]],
    body: Json | None = None,
    action: str = "",
) -> Call:
    path = f"/books/{book_id}/entries/{entry_id}{action}"
    return Call(user, method, path, act, body, _tag(seen))


def amend_entry(user: str, book_id: str, entry_id: str, body: Json, seen: Seen | None = None) -> Call:
    def act(world: World, _: Json) -> tuple[int, Any]:
        entry = _entry(world, user, book_id, entry_id, seen)
        changed = dict(body)
        if "amount" in body:
            changed["amount"] = minor(body["amount"], world[book_id]["currency"])
        if body.get("category_id", entry["category_id"]) != entry["category_id"]:
            _usable_category(world[book_id], body["category_id"])
        if "memo" in body:
            changed["memo"] = nfc(body["memo"] or "")
        if "tags" in body:
            changed["tags"] = _unique(body["tags"] or [])
        _require_live(entry)
        if any(entry[name] != value for name, value in changed.items()):
            entry.update(changed, version=entry["version"] + 1)
        return 200, entry_view(world, book_id, entry_id)

    return _entry_call(user, "PATCH", book_id, entry_id, seen, act, body)


def delete_entry(user: str, book_id: str, entry_id: str, seen: Seen | None = None) -> Call:
    def act(world: World, _: Json) -> tuple[int, Any]:
        entry = _entry(world, user, book_id, entry_id, seen)
        _require_live(entry)
        entry.update(deleted=True, version=entry["version"] + 1)
        return 204, {}

    return _entry_call(user, "DELETE", book_id, entry_id, seen, act)


def restore_entry(user: str, book_id: str, entry_id: str, seen: Seen | None = None) -> Call:
    def act(world: World, _: Json) -> tuple[int, Any]:
        entry = _entry(world, user, book_id, entry_id, seen)
        if not entry["deleted"]:
            raise Refused(409, "entry-not-deleted")
        entry.update(deleted=False, version=entry["version"] + 1)
        return 200, entry_view(world, book_id, entry_id)

    return _entry_call(user, "POST", book_id, entry_id, seen, act, action="/restore")


def duplicate_entry(user: str, book_id: str, entry_id: str, body: Json, seen: Seen | None = None) -> Call:
    def act(world: World, answer: Json) -> tuple[int, Any]:
        entry = _entry(world, user, book_id, entry_id, seen)
        _require_live(entry)
        copied = {**entry, "occurred_on": body.get("occurred_on", entry["occurred_on"]), "copied_from": entry_id}
        return _put_entry(world, user, book_id, answer, copied)

    return _entry_call(user, "POST", book_id, entry_id, seen, act, body, "/duplicate")


def show_entry(user: str, book_id: str, entry_id: str) -> Call:
    def act(world: World, _: Json) -> tuple[int, Any]:
        entry = _book(world, user, book_id, live=False)["entries"][entry_id]
        if entry["deleted"]:
            raise Refused(404, "entry-not-found")
        return 200, entry_view(world, book_id, entry_id)

    return Call(user, "GET", f"/books/{book_id}/entries/{entry_id}", act)
