"""Statements of a book's months, and what each member recorded in them."""

import pytest

from tests.http.conftest import NOWHERE, path_of

ZEROS = {"income": "0", "expense": "0", "transferred": "0"}


@pytest.fixture
async def book(home):
    return await home.open_book(opening_balance="100000")


@pytest.fixture
def path(book):
    return f"/books/{book['id']}"


@pytest.fixture
async def entries(home, book):
    """Three months with a gap; one entry has no category, and one month nothing but a transfer."""
    food, salary = await home.category(book, "식비"), await home.category(book, "급여", "income")
    other = await home.open_book(name="저금통")
    recorded = [
        await home.record(book, kind="income", amount="3000000", occurred_on="2026-01-25", category_id=salary["id"]),
        await home.record(book, amount="12000", occurred_on="2026-01-31", category_id=food["id"]),
        await home.record(book, amount="500", occurred_on="2026-02-01", category_id=food["id"]),
        await home.record(book, amount="70", occurred_on="2026-02-28"),
    ]
    return [*recorded, (await home.transfer(book, other, amount="9000", occurred_on="2026-04-01"))["from"]]


async def ends_of_months(home, path, **query):
    """The balance at the end of each month that has a statement, as totals tell it."""
    ends = {"01": "31", "02": "28", "03": "31", "04": "30", "12": "31"}
    months = [item["month"] for item in (await home.get(f"{path}/statements", params=query)).items]
    totals = [
        await home.get(f"{path}/totals", params={"to": f"{month}-{ends[month[5:]]}", **query}) for month in months
    ]
    return [answer.json["balance"] for answer in totals]


@pytest.mark.usefixtures("entries")
async def test_statement_tells_the_month_by_category_and_the_balance_it_began_and_ended_with(home, book, path):
    food = await home.category(book, "식비")

    assert (await home.get(f"{path}/statements/2026-02")).json == {
        "month": "2026-02",
        "currency": "KRW",
        "opening_balance": "3088000",
        "income": "0",
        "expense": "570",
        "transferred": "0",
        "closing_balance": "3087430",
        "by_category": [
            {"category": food, "income": "0", "expense": "500", "count": 1},
            {"category": None, "income": "0", "expense": "70", "count": 1},
        ],
    }


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize(("month", "balance"), [("2025-12", "100000"), ("2026-03", "3087430"), ("2027-01", "3078430")])
async def test_statement_of_a_month_without_entries_is_zeros_between_equal_balances(home, path, month, balance):
    head = {"month": month, "currency": "KRW", "opening_balance": balance, "closing_balance": balance}

    assert {**head, **ZEROS, "by_category": []} == (await home.get(f"{path}/statements/{month}")).json


@pytest.mark.usefixtures("entries")
async def test_statements_are_the_months_with_entries_latest_first(home, path):
    items = (await home.get(f"{path}/statements")).items

    assert ["2026-04", "2026-02", "2026-01"] == [item["month"] for item in items]
    assert ["-9000", "0", "0"] == [item["transferred"] for item in items]
    for item in items:
        statement = (await home.get(f"{path}/statements/{item['month']}")).json
        assert {**item, "by_category": statement["by_category"]} == statement


async def test_statements_follow_every_change_and_agree_with_totals(home, path, entries):
    entry = entries[2]
    for change in (
        lambda: home.patch(path_of(entry), {"amount": "777"}),
        lambda: home.patch(path_of(entry), {"kind": "income"}),
        lambda: home.patch(path_of(entry), {"occurred_on": "2026-03-30"}),
        lambda: home.delete(path_of(entry)),
        lambda: home.post(f"{path_of(entry)}/restore"),
        lambda: home.patch(path, {"opening_balance": "-5"}),
    ):
        assert (await change()).status < 300
        items = (await home.get(f"{path}/statements")).items
        assert await ends_of_months(home, path) == [item["closing_balance"] for item in items]
        assert [item["opening_balance"] for item in items[:-1]] == [item["closing_balance"] for item in items[1:]]


async def test_statements_leave_out_a_month_whose_entries_are_gone(home, path, entries):
    await home.delete(path_of(entries[4]))

    assert ["2026-02", "2026-01"] == [item["month"] for item in (await home.get(f"{path}/statements")).items]


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize("known_at", [{}, {"known_at": "999"}])
async def test_statements_are_paged(home, path, known_at):
    whole = (await home.get(f"{path}/statements", params=known_at)).items
    first = await home.get(f"{path}/statements", params={"limit": "2", **known_at})
    rest = await home.get(first.headers["Link"].partition(">")[0][1:])

    assert [whole[:2], whole[2:]] == [first.items, rest.items]
    assert rest.json["next_cursor"] is None


async def test_statements_reach_the_ends_of_the_calendar(home, book, path):
    for day in ("0001-01-01", "9999-12-31"):
        await home.record(book, occurred_on=day, amount="1")

    for query in ("", "?known_at=99"):
        items = (await home.get(f"{path}/statements{query}")).items
        assert [("9999-12", "99998"), ("0001-01", "99999")] == [(i["month"], i["closing_balance"]) for i in items]
        spent = (await home.get(f"{path}/spending{query}")).json["members"][0]["months"]
        assert ["0001-01", "9999-12"] == [month["month"] for month in spent]
        assert "1" == (await home.get(f"{path}/statements/9999-12{query}")).json["expense"]


async def test_statements_and_spending_are_those_of_then(home, path, entries):
    reads = [f"{path}/{part}" for part in ("statements", "statements/2026-02", "statements/2026-03", "spending")]
    position = max(item["position"] for item in (await home.get(f"{path_of(entries[4])}/history")).items)
    then = [(await home.get(read)).json for read in reads]
    for entry in entries:
        await home.delete(path_of(entry))
    await home.patch(path, {"opening_balance": "5"})

    assert then == [(await home.get(f"{read}?known_at={position}")).json for read in reads]
    assert all(one != other for one, other in zip(then, [(await home.get(read)).json for read in reads], strict=True))
    for read in reads:
        assert (404, "book-not-found") == (await home.get(f"{read}?known_at=0")).outcome


@pytest.mark.usefixtures("entries")
async def test_spending_is_told_by_who_recorded_it_and_by_month(home, stranger, book, path):
    await home.share(book, stranger)
    theirs = await stranger.record(book, amount="30", occurred_on="2026-02-03")
    await home.patch(path_of(theirs), {"amount": "40"})

    assert (await home.get(f"{path}/spending?from=2026-02&to=2026-04")).json == {
        "currency": "KRW",
        "members": [
            {
                "member": {"id": await home.id, "name": "김미나"},
                "income": "0",
                "expense": "570",
                "count": 2,
                "months": [{"month": "2026-02", "income": "0", "expense": "570", "count": 2}],
            },
            {
                "member": {"id": await stranger.id, "name": None},
                "income": "0",
                "expense": "40",
                "count": 1,
                "months": [{"month": "2026-02", "income": "0", "expense": "40", "count": 1}],
            },
        ],
    }


@pytest.mark.usefixtures("entries")
async def test_spending_of_all_months_is_the_total_by_member(home, stranger, book, path):
    await home.share(book, stranger)
    await stranger.record(book, kind="income", amount="30")
    groups = (await home.get(f"{path}/totals?group_by=member")).json["groups"]
    members = (await home.get(f"{path}/spending")).json["members"]
    shown = ("income", "expense", "count")

    assert 2 == len(members)
    assert {group["key"]: [group[name] for name in shown] for group in groups} == {
        each["member"]["id"]: [each[name] for name in shown] for each in members
    }


async def test_spending_of_who_has_left_stays_and_has_the_name_of_today(home, stranger, book, path):
    await home.share(book, stranger)
    await stranger.record(book)
    await stranger.patch("/users/me", {"name": "준"})
    user = await stranger.id
    assert (await stranger.delete(f"{path}/members/{user}")).status == 204

    assert [{"id": user, "name": "준"}] == [
        each["member"] for each in (await home.get(f"{path}/spending")).json["members"]
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("statements/2026-13", "month"),
        ("statements/2026-2", "month"),
        ("statements/0000-01", "month"),
        ("statements/2026-02-01", "month"),
        ("statements?cursor=x", "cursor"),
        ("statements?limit=0", "limit"),
        ("spending?from=2026-02-01", "from"),
        ("spending?to=2026", "to"),
        ("spending?from=2026-02&to=2026-01", "from"),
    ],
)
async def test_statements_and_spending_refuse_what_is_malformed_and_name_it(home, path, query, field):
    assert [field] == list((await home.get(f"{path}/{query}")).errors)


@pytest.mark.parametrize("part", ["statements", "statements/2026-02", "spending"])
async def test_statements_and_spending_are_for_members_alone_and_known_by_their_tags(home, stranger, book, path, part):
    for book_id in (book["id"], NOWHERE, "x"):
        assert (await stranger.get(f"/books/{book_id}/{part}")).outcome == (404, "book-not-found")
        assert (await stranger.get(f"/books/{book_id}/{part}?known_at=1")).outcome == (404, "book-not-found")
    await home.share(book, stranger, "viewer")
    tag = {"If-None-Match": (await stranger.get(f"{path}/{part}")).headers["ETag"]}
    assert (await home.get(f"{path}/{part}", headers=tag)).status == 304
    await home.record(book)
    assert (await home.get(f"{path}/{part}", headers=tag)).status == 200
