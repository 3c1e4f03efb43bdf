"""What is seen of a household."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date

from tests.property.model import DECIMALS, Json, World, folded, shown


def present(entry: Json) -> Json:
    """An entry as it is now: its last version."""
    content: Json = entry["past"][-1]
    return content


def live_entries(book: Json) -> list[Json]:
    return [entry for entry in book["entries"].values() if not present(entry)["deleted"]]


def sums(entries: Iterable[Json]) -> tuple[int, int, int]:
    """Income, expense, and what transfers bring in less what they take out."""
    by_kind: defaultdict[str, int] = defaultdict(int)
    for entry in entries:
        content = present(entry)
        by_kind[entry["transfer"]["direction"] if entry["transfer"] else content["kind"]] += content["amount"]
    return by_kind["income"], by_kind["expense"], by_kind["in"] - by_kind["out"]


def balance(book: Json, entries: Iterable[Json]) -> int:
    income, expense, transferred = sums(entries)
    opening: int = book["opening"]
    return opening + income - expense + transferred


def _sums_view(entries: Iterable[Json], currency: str) -> Json:
    income, expense, _ = sums(entries)
    amounts = {"income": income, "expense": expense, "total": income - expense}
    return {name: shown(amount, currency) for name, amount in amounts.items()}


def role_of(world: World, user: str, book_id: str) -> str | None:
    role: str | None = world.books[book_id]["members"].get(user, {}).get("role")
    return role


def owner_of(world: World, book_id: str) -> str:
    (owner,) = [user for user in world.books[book_id]["members"] if role_of(world, user, book_id) == "owner"]
    return owner


def position(book: Json) -> int:
    """How many events its journal must hold by now."""
    of_entries = sum(len(entry["past"]) for entry in book["entries"].values())
    return int(book["version"] + book["invited"] + of_entries)


def book_view(world: World, user: str, book_id: str) -> Json:
    book, live = world.books[book_id], live_entries(world.books[book_id])
    currency, closings = book["currency"], book["closings"]
    return {
        "id": book_id,
        "role": role_of(world, user, book_id),
        "closed_through": closings[-1]["through"] if closings else None,
        "entry_count": len(live),
        **{name: book[name] for name in ("name", "description", "currency", "deleted", "created_at", "version")},
        **_sums_view(live, currency),
        "opening_balance": shown(book["opening"], currency),
        "transferred": shown(sums(live)[2], currency),
        "balance": shown(balance(book, live), currency),
    }


def member_view(world: World, book_id: str, user: str) -> Json:
    return {"user_id": user, "name": None, "email": world.emails[user], **world.books[book_id]["members"][user]}


def members_view(world: World, book_id: str) -> list[Json]:
    members = [member_view(world, book_id, user) for user in world.books[book_id]["members"]]
    return sorted(members, key=lambda member: (member["joined_at"], member["user_id"]))


def categories_view(world: World, book_id: str, states: set[bool]) -> list[Json]:
    """Live ones, deleted ones or both."""
    return [
        category for _, category in sorted(world.books[book_id]["categories"].items()) if category["deleted"] in states
    ]


def entry_view(world: World, book_id: str, entry_id: str) -> Json:
    book, entry = world.books[book_id], world.books[book_id]["entries"][entry_id]
    content = present(entry)
    return {
        "id": entry_id,
        "book_id": book_id,
        "currency": book["currency"],
        "amount": shown(content["amount"], book["currency"]),
        "category": book["categories"].get(content["category_id"]),
        "batch_id": None,
        "version": len(entry["past"]),
        **{name: content[name] for name in ("kind", "occurred_on", "memo", "tags", "deleted")},
        **{name: entry[name] for name in ("copied_from", "created_at", "created_by")},
        **({"transfer": entry["transfer"]} if entry["transfer"] else {}),
    }


def list_view(world: World, book_id: str, query: Json) -> list[Json]:
    """All entries that a query asks for, in its order."""
    book = world.books[book_id]
    ids = sorted(entry_id for entry_id, entry in book["entries"].items() if _wanted(book, present(entry), query))
    sort = query.get("sort", "-occurred_on")
    column = sort.removeprefix("-")

    def key(entry_id: str) -> str | int:
        entry = book["entries"][entry_id]
        found: str | int = entry["created_at"] if column == "recorded_at" else present(entry)[column]
        return found

    # Equal keys stay in the order of their ids, also in a reversed sort.
    ids.sort(key=key, reverse=sort.startswith("-"))
    return [entry_view(world, book_id, entry_id) for entry_id in ids]


def _wanted(book: Json, content: Json, query: Json) -> bool:
    scale = 10 ** DECIMALS[book["currency"]]
    category = book["categories"].get(content["category_id"])
    texts = [content["memo"], *content["tags"], *([category["name"]] if category else [])]
    return (
        {"live": not content["deleted"], "deleted": content["deleted"], "all": True}[query.get("state", "live")]
        and query.get("from", "") <= content["occurred_on"] <= query.get("to", "9999-12-31")
        and content["kind"] == query.get("kind", content["kind"])
        and content["category_id"] in query.get("category_id", [content["category_id"]])
        and ("tag" not in query or folded(query["tag"]) in map(folded, content["tags"]))
        and any(folded(query.get("q", "")) in folded(text) for text in texts)
        and int(query.get("min_amount", 0)) * scale <= content["amount"]
        and content["amount"] <= int(query.get("max_amount", 10**15)) * scale
    )


def totals_view(world: World, book_id: str, start: date, end: date, group_by: str | None) -> Json:
    book = world.books[book_id]
    currency = book["currency"]
    until = [entry for entry in live_entries(book) if present(entry)["occurred_on"] <= end.isoformat()]
    within = [entry for entry in until if present(entry)["occurred_on"] >= start.isoformat() and not entry["transfer"]]
    return {
        "currency": currency,
        **_sums_view(within, currency),
        "opening_balance": shown(book["opening"], currency),
        "balance": shown(balance(book, until), currency),
        "groups": [
            {"key": key, **_sums_view(entries, currency), "count": len(entries)}
            for key, entries in _grouped(within, lambda entry: _group_key(entry, group_by))
            if group_by
        ],
    }


def _group_key(entry: Json, group_by: str | None) -> str | None:
    content = present(entry)
    day: str = content["occurred_on"]
    keys = {"day": day, "month": day[:7], "category": content["category_id"], "member": entry["created_by"], None: None}
    return keys[group_by]


def statements_view(world: World, book_id: str) -> list[Json]:
    """The months that have entries, latest first."""
    months = {present(entry)["occurred_on"][:7] for entry in live_entries(world.books[book_id])}
    return [month_view(world, book_id, month) for month in sorted(months, reverse=True)]


def month_view(world: World, book_id: str, month: str) -> Json:
    book = world.books[book_id]
    currency, live = book["currency"], live_entries(book)
    income, expense, transferred = sums(_dated(live, lambda day: day[:7] == month))
    amounts = {
        "opening_balance": balance(book, _dated(live, lambda day: day[:7] < month)),
        "income": income,
        "expense": expense,
        "transferred": transferred,
        "closing_balance": balance(book, _dated(live, lambda day: day[:7] <= month)),
    }
    return {"month": month, "currency": currency, **{name: shown(each, currency) for name, each in amounts.items()}}


def statement_view(world: World, book_id: str, month: str) -> Json:
    """A month with its categories, in the order of their ids."""
    book = world.books[book_id]
    within = _counted(_dated(live_entries(book), lambda day: day[:7] == month))
    groups = _grouped(within, lambda entry: present(entry)["category_id"])
    by_category = [
        {"category": book["categories"].get(key), **_flows_view(entries, book["currency"])} for key, entries in groups
    ]
    return {**month_view(world, book_id, month), "by_category": by_category}


def spending_view(world: World, book_id: str, month_min: str, month_max: str) -> Json:
    """What each member recorded, by month."""
    book = world.books[book_id]
    within = _counted(_dated(live_entries(book), lambda day: month_min <= day[:7] <= month_max))
    members = []
    for member_id, entries in _grouped(within, lambda entry: entry["created_by"]):
        by_month = _grouped(entries, lambda entry: present(entry)["occurred_on"][:7])
        months = [{"month": month, **_flows_view(group, book["currency"])} for month, group in by_month]
        member = {"id": member_id, "name": None}
        members.append({"member": member, **_flows_view(entries, book["currency"]), "months": months})
    return {"currency": book["currency"], "members": members}


def _dated(entries: Iterable[Json], fits: Callable[[str], bool]) -> list[Json]:
    return [entry for entry in entries if fits(present(entry)["occurred_on"])]


def _counted(entries: Iterable[Json]) -> list[Json]:
    """Entries of income and expense, without transfers."""
    return [entry for entry in entries if not entry["transfer"]]


def _grouped(entries: Iterable[Json], key_of: Callable[[Json], str | None]) -> list[tuple[str | None, list[Json]]]:
    """Entries by key, in the order of the keys, those without one last."""
    groups: defaultdict[str | None, list[Json]] = defaultdict(list)
    for entry in entries:
        groups[key_of(entry)].append(entry)
    return sorted(groups.items(), key=lambda group: (group[0] is None, group[0]))


def _flows_view(entries: list[Json], currency: str) -> Json:
    income, expense, _ = sums(entries)
    return {"income": shown(income, currency), "expense": shown(expense, currency), "count": len(entries)}


def books_of(world: World, user: str, *, deleted: bool) -> list[str]:
    """The books that a user belongs to, oldest first."""
    return sorted(id_ for id_, book in world.books.items() if user in book["members"] and book["deleted"] == deleted)


def wallet_view(world: World, user: str) -> Json:
    by_currency: defaultdict[str, list[str]] = defaultdict(list)
    for book_id in books_of(world, user, deleted=False):
        if role_of(world, user, book_id) == "owner":
            by_currency[world.books[book_id]["currency"]].append(book_id)
    return {"wallets": [_purse(world, currency, ids) for currency, ids in sorted(by_currency.items())]}


def _purse(world: World, currency: str, book_ids: list[str]) -> Json:
    books = {book_id: world.books[book_id] for book_id in book_ids}
    balances = {book_id: balance(book, live_entries(book)) for book_id, book in books.items()}
    return {
        "currency": currency,
        **_sums_view([entry for book in books.values() for entry in live_entries(book)], currency),
        "balance": shown(sum(balances.values()), currency),
        "books": [
            {"book_id": book_id, "name": book["name"], "balance": shown(balances[book_id], currency)}
            for book_id, book in books.items()
        ],
    }


def entry_fields(world: World, book_id: str, entry_id: str) -> Json:
    """An entry as its history tells it."""
    view = entry_view(world, book_id, entry_id)
    return {name: view[name] for name in ("kind", "amount", "occurred_on", "category", "memo", "tags", "deleted")}


def book_fields(world: World, book_id: str) -> Json:
    """A book as its history tells it."""
    book, view = world.books[book_id], book_view(world, "", book_id)
    names = ("name", "description", "currency", "opening_balance", "closed_through", "deleted")
    return {
        **{name: view[name] for name in names},
        **{f"members.{user}": member["role"] for user, member in book["members"].items()},
        **{
            f"categories.{key}": {name: category[name] for name in ("name", "kind", "deleted")}
            for key, category in book["categories"].items()
        },
    }
