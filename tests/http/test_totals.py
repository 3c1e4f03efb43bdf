"""Totals of a book: what came in, what went out, and what is left at the end of a day."""

from collections import defaultdict

import pytest

from tests.http.conftest import NOWHERE, entries_of, path_of


@pytest.fixture
async def book(home):
    return await home.open_book(opening_balance="100000")


@pytest.fixture
async def totals(home, book):
    async def ask(**query):
        answer = await home.get(f"/books/{book['id']}/totals", params=query)
        assert answer.status == 200, answer.content
        return answer.json

    return ask


@pytest.fixture
async def entries(home, book):
    """Three months, some days with several entries, some without a category."""
    food, salary = await home.category(book, "식비"), await home.category(book, "급여", "income")
    recorded = []
    for number, day in enumerate(
        ("2026-01-01", "2026-01-31", "2026-01-31", "2026-02-01", "2026-02-14", "2026-02-28", "2026-03-01", "2026-03-31")
    ):
        income = number % 3 == 0
        category = None if number == 4 else (salary if income else food)["id"]
        kind = "income" if income else "expense"
        fields = {"kind": kind, "amount": str(10**number), "occurred_on": day, "category_id": category}
        recorded.append(await home.record(book, **fields))
    return recorded


def summed(entries):
    """The same sums, reckoned from the entries."""
    income = sum(int(entry["amount"]) for entry in entries if entry["kind"] == "income")
    expense = sum(int(entry["amount"]) for entry in entries if entry["kind"] == "expense")
    return {"income": str(income), "expense": str(expense), "total": str(income - expense)}


def grouped(entries, key):
    groups = defaultdict(list)
    for entry in entries:
        groups[key(entry)].append(entry)
    ordered = sorted(groups.items(), key=lambda item: (item[0] is None, item[0]))
    return [{"key": name, **summed(some), "count": len(some)} for name, some in ordered]


async def test_totals_of_an_empty_book_are_zeros_and_its_opening_balance(totals):
    zeros = {"currency": "KRW", "income": "0", "expense": "0", "total": "0"}
    expected = {**zeros, "opening_balance": "100000", "balance": "100000", "groups": []}

    assert await totals() == expected
    assert await totals(**{"from": "2026-01-01", "to": "2026-12-31"}) == expected
    for group_by in ("day", "month", "category"):
        assert await totals(group_by=group_by) == expected


async def test_totals_of_everything_and_of_any_range_with_both_ends(totals, entries):
    for start, end in [
        (None, None),
        ("2026-01-31", None),
        (None, "2026-01-31"),
        ("2026-01-31", "2026-01-31"),
        ("2026-01-01", "2026-01-31"),
        ("2026-01-02", "2026-03-30"),
        ("2026-01-31", "2026-03-01"),
        ("2026-02-01", "2026-02-28"),
        ("2026-02-02", "2026-02-27"),
        ("2025-12-31", "2026-04-01"),
        ("2027-01-01", None),
        (None, "2025-12-31"),
        ("0001-01-01", "9999-12-31"),
    ]:
        query = {name: day for name, day in (("from", start), ("to", end)) if day}
        within = [entry for entry in entries if (start or "0") <= entry["occurred_on"] <= (end or "9999-12-31")]
        until = [entry for entry in entries if entry["occurred_on"] <= (end or "9999-12-31")]
        balance = str(100_000 + int(summed(until)["total"]))
        assert await totals(**query) == {
            "currency": "KRW",
            "opening_balance": "100000",
            "balance": balance,
            "groups": [],
            **summed(within),
        }, query


async def test_totals_are_grouped_by_day_month_and_category(totals, entries):
    for query in ({}, {"from": "2026-01-31", "to": "2026-03-30"}):
        within = [
            entry
            for entry in entries
            if query.get("from", "0") <= entry["occurred_on"] <= query.get("to", "9999-12-31")
        ]
        for group_by, key in [
            ("day", lambda entry: entry["occurred_on"]),
            ("month", lambda entry: entry["occurred_on"][:7]),
            ("category", lambda entry: entry["category"] and entry["category"]["id"]),
        ]:
            assert (await totals(group_by=group_by, **query))["groups"] == grouped(within, key), (query, group_by)


async def test_totals_follow_every_change_of_an_entry(home, book, totals, entries):
    entry = entries[4]
    for change in (
        lambda: home.patch(path_of(entry), {"amount": "777"}),
        lambda: home.patch(path_of(entry), {"kind": "income"}),
        lambda: home.patch(path_of(entry), {"occurred_on": "2026-04-30"}),
        lambda: home.patch(path_of(entry), {"memo": "x"}),
        lambda: home.delete(path_of(entry)),
        lambda: home.post(f"{path_of(entry)}/restore"),
        lambda: home.post(f"{path_of(entry)}/duplicate", {"occurred_on": "2026-05-01"}),
    ):
        assert (await change()).status < 300
        live = (await home.get(f"{entries_of(book)}?limit=200")).items
        answer = await totals(group_by="month")
        assert {name: answer[name] for name in ("income", "expense", "total")} == summed(live)
        assert answer["groups"] == grouped(live, lambda each: each["occurred_on"][:7])
        assert answer["balance"] == (await home.get(f"/books/{book['id']}")).json["balance"]


async def test_totals_leave_out_groups_whose_entries_are_gone(home, totals, entries):
    for entry in entries[1:]:
        await home.delete(path_of(entry))

    assert [group["key"] for group in (await totals(group_by="day"))["groups"]] == ["2026-01-01"]


async def test_totals_at_the_ends_of_the_calendar(home, book, totals):
    for day in ("0001-01-01", "9999-12-31"):
        await home.record(book, occurred_on=day, amount="1")

    assert [group["key"] for group in (await totals(group_by="day"))["groups"]] == ["0001-01-01", "9999-12-31"]
    assert [group["key"] for group in (await totals(group_by="month"))["groups"]] == ["0001-01", "9999-12"]
    assert (await totals(to="9999-12-30"))["balance"] == "99999"
    assert (await totals(**{"from": "0001-01-02"}))["expense"] == "1"


async def test_totals_show_the_decimals_of_the_currency(home):
    book = await home.open_book(currency="KWD", opening_balance="1.5")
    await home.record(book, amount="0.001")
    answer = (await home.get(f"/books/{book['id']}/totals")).json

    assert (answer["income"], answer["expense"], answer["total"]) == ("0.000", "0.001", "-0.001")
    assert (answer["opening_balance"], answer["balance"]) == ("1.500", "1.499")


async def test_totals_are_exact_beyond_what_a_float_or_a_machine_word_holds(home):
    book = await home.open_book(currency="KWD", opening_balance="999999999999999")
    for _ in range(20):
        await home.record(book, amount="999999999999999", kind="income", occurred_on="2026-02-17")
    answer = (await home.get(f"/books/{book['id']}/totals")).json

    assert answer["income"] == f"{20 * 999_999_999_999_999}.000"
    assert answer["balance"] == f"{21 * 999_999_999_999_999}.000"


async def test_totals_refuse_what_is_malformed_and_name_it(home, book):
    for query, field in [
        ("from=x", "from"),
        ("to=2026-02-29", "to"),
        ("from=2026-01-01T00:00Z", "from"),
        ("from=0000-01-01", "from"),
        ("from=2026-02-02&to=2026-02-01", "from"),
        ("group_by=week", "group_by"),
        ("group_by=", "group_by"),
    ]:
        assert list((await home.get(f"/books/{book['id']}/totals?{query}")).errors) == [field]


async def test_totals_of_a_book_that_is_not_yours_are_404(stranger, book):
    for book_id in (book["id"], NOWHERE, "x"):
        assert (await stranger.get(f"/books/{book_id}/totals")).outcome == (404, "book-not-found")
