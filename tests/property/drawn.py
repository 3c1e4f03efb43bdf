"""What clients may send."""

from datetime import date
from typing import Any

from hypothesis import strategies as st

from tests.property.model import Json, shown

NAMES = st.sampled_from(["생활비", "Travel", "TRAVEL", "Cafe\u0301", "Café", "Straße", "집 🏠"])
MEMOS = st.sampled_from(["", "점심", "Lunch with 민수", "LUNCH", "Cafe\u0301", "두 줄\n\t메모", "100% _ \\ '"])
TAGS = st.lists(st.sampled_from(["food", "Food", "여행", "Cafe\u0301", "b%"]), max_size=3)
KINDS = st.sampled_from(["income", "expense"])
ROLES = ("editor", "viewer", "auditor")
EDGES = [date.min, date(2023, 12, 31), date(2024, 2, 29), date(2024, 3, 1), date(9999, 12, 30), date.max]
DAYS = st.one_of(st.dates(date(2023, 11, 20), date(2024, 3, 10)), st.sampled_from(EDGES)).map(date.isoformat)
MONTHS = [f"2023-{month}-01" for month in ("10", "11", "12")] + ["2024-01-15", "2024-02-29", "2024-03-01"]
"""Days that a book may be closed through: mostly early, so that not everything is closed at once."""


def pick(data: st.DataObject, items: Any) -> Any:
    """One of what there is at the moment; drawn as a number, since how many there are hangs on how races ended."""
    return items[data.draw(st.integers(0, 2**16)) % len(items)]


def sometimes(data: st.DataObject, one_in: int) -> bool:
    return data.draw(st.integers(0, one_in - 1)) == one_in - 1


def amounts(currency: str, *, smallest: int = 1) -> st.SearchStrategy[str | int]:
    """Amounts as a client may write them."""
    numbers = st.one_of(st.integers(smallest, 50_000), st.sampled_from([10**15 - 1, 1, 50_000]))
    text = numbers.map(lambda number: shown(number, currency))
    whole = st.integers(max(smallest, 1), 50_000)
    return st.one_of(text, whole, whole.map(str))


def new_books() -> st.SearchStrategy[Json]:
    return st.sampled_from(["KRW", "KRW", "USD", "KWD"]).flatmap(
        lambda currency: st.fixed_dictionaries(
            {"name": NAMES, "currency": st.just(currency), "opening_balance": amounts(currency, smallest=-50_000)}
        )
    )


def book_patches(book: Json) -> st.SearchStrategy[Json]:
    opening = amounts(book["currency"], smallest=-50_000)
    return st.fixed_dictionaries({}, optional={"name": NAMES, "description": MEMOS, "opening_balance": opening})


def entries(book: Json) -> st.SearchStrategy[Json]:
    optional = {"category_id": st.none() | category_ids(book), "memo": MEMOS, "tags": TAGS}
    needed = {"kind": KINDS, "amount": amounts(book["currency"]), "occurred_on": DAYS}
    return st.fixed_dictionaries(needed, optional=optional)


def patches(book: Json, entry: Json) -> st.SearchStrategy[Json]:
    fields: Json = {
        "amount": amounts(book["currency"]),
        "occurred_on": DAYS,
        "category_id": st.none() | category_ids(book),
        "memo": st.none() | MEMOS,
        "tags": st.none() | TAGS,
    }
    # That a transfer stays one is asked for now and then, not each time.
    kinds = {"kind": KINDS} if not entry["transfer"] or len(entry["past"]) % 3 == 0 else {}
    return st.fixed_dictionaries({}, optional={**fields, **kinds})


def category_ids(book: Json) -> st.SearchStrategy[str]:
    return st.sampled_from(sorted(book["categories"])[:4] + sorted(book["categories"])[-4:])


def transfers(source: Json, target: Json) -> st.SearchStrategy[Json]:
    needed: Json = {"amount": amounts(source["currency"]), "occurred_on": DAYS}
    if source["currency"] != target["currency"]:
        needed["to_amount"] = amounts(target["currency"])
    return st.fixed_dictionaries(needed, optional={"memo": MEMOS})


def other_bodies(body: Json, books: list[str]) -> list[Json]:
    """Other requests like this one, that a client could send with the same key by mistake."""
    other: Json = {
        "amount": "7",
        "name": "Another",
        "occurred_on": "2024-02-02",
        "through": "2024-03-02",
        "role": "editor" if body.get("role") != "editor" else "viewer",
        "version": body.get("version", 0) + 1,
    }
    changed = [{**body, name: value} for name, value in other.items() if body.get(name, value) != value]
    return changed + [{**body, "from_book": book_id} for book_id in books if "from_book" in body]
