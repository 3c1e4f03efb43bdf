"""What was known: every read of a book as its journal stood at a position, or at a time."""

from decimal import Decimal

import pytest

from tests.http.conftest import entries_of, path_of


async def test_book_at_a_position_has_the_name_and_the_sums_of_then(home, book):
    path = f"/books/{book['id']}"
    await home.record(book, amount="1000")
    salary = await home.record(book, kind="income", amount="5000")
    then = (await home.get(path)).json
    await home.patch(path, {"name": "새집", "opening_balance": "700"})
    await home.delete(path_of(salary))
    await home.record(book, amount="30")

    assert then == (await home.get(f"{path}?known_at=3")).json
    assert ("우리집", "5000", "1000", "4000", 2) == tuple(
        then[name] for name in ("name", "income", "expense", "balance", "entry_count")
    )
    assert (await home.get(path)).json == (await home.get(f"{path}?known_at=999")).json


async def test_book_at_a_time_is_that_of_the_last_event_until_then(home, book):
    path = f"/books/{book['id']}"
    await home.patch(path, {"name": "하나"})
    await home.patch(path, {"name": "둘"})
    for item in (await home.get(f"{path}/history")).items:
        known = (await home.get(path, params={"known_at": item["recorded_at"]})).json
        assert {1: "우리집", 2: "하나", 3: "둘"}[item["version"]] == known["name"]


@pytest.mark.parametrize("known_at", ["0", "2020-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
@pytest.mark.parametrize("part", ["", "/entries", "/totals", "/categories", "/members", "/closings", "/history"])
async def test_book_before_it_was_opened_is_not_found(home, book, part, known_at):
    answer = await home.get(f"/books/{book['id']}{part}", params={"known_at": known_at})
    assert (404, "book-not-found") == answer.outcome


async def test_known_at_in_another_zone_is_the_same_moment(home, book):
    path = f"/books/{book['id']}"
    answer = await home.get(path, params={"known_at": "2999-01-01T00:00:00+09:00"})
    assert (await home.get(path)).json == answer.json


async def test_moment_whose_zone_there_is_none_is_refused(home, book):
    for zone in ("%2B09:60", "%2B24:00", "-09:99"):
        answer = await home.get(f"/books/{book['id']}?known_at=2099-01-01T00:00:00{zone}")
        assert list(answer.errors) == ["known_at"], zone


async def test_list_of_no_book_has_no_past_to_be_read(home):
    for path in ("/books", "/users/me/sessions", "/users/me/tokens", "/users/me/passkeys"):
        for known_at in ("5", "2026-11-02T09:00:00Z", ""):
            assert list((await home.get(f"{path}?known_at={known_at}")).errors) == ["known_at"], path


async def test_categories_members_and_closings_are_those_of_then(home, book):
    path = f"/books/{book['id']}"
    parts = ("categories?limit=200", "members", "closings")
    then = {part: (await home.get(f"{path}/{part}")).json for part in parts}
    food = await home.category(book, "식비")
    await home.patch(f"{path}/categories/{food['id']}", {"name": "밥값"})
    await home.delete(f"{path}/categories/{then['categories?limit=200']['items'][1]['id']}")
    await home.made(f"{path}/closings", {"through": "2026-01-31"})

    for part in parts:
        glue = "&" if "?" in part else "?"
        assert then[part] == (await home.get(f"{path}/{part}{glue}known_at=1")).json
    assert 1 == len((await home.get(f"{path}/closings?known_at=4")).items)
    assert 1 == len((await home.get(f"{path}/categories?known_at=3&state=deleted")).items)


async def test_past_is_read_by_members_of_today_alone(home, stranger, book):
    assert (404, "book-not-found") == (await stranger.get(f"/books/{book['id']}?known_at=1")).outcome


async def test_entries_are_those_of_then_in_the_state_of_then(home, book):
    food = await home.category(book, "식비")
    first = await home.record(book, memo="점심", category_id=food["id"], amount="100")
    second = await home.record(book, memo="저녁", tags=["외식"], amount="200")
    then = (await home.get(entries_of(book))).json
    await home.patch(path_of(first), {"memo": "아침", "amount": "300"})
    await home.delete(path_of(second))
    await home.patch(f"/books/{book['id']}/categories/{food['id']}", {"name": "밥값"})
    await home.record(book, memo="나중")

    assert then["items"] == (await home.get(f"{entries_of(book)}?known_at=3")).items
    assert [first] == (await home.get(f"{entries_of(book)}?known_at=3&q=식비")).items
    assert [second] == (await home.get(f"{entries_of(book)}?known_at=4&tag=외식")).items
    assert [] == (await home.get(f"{entries_of(book)}?known_at=5&tag=외식")).items
    assert ["저녁"] == [item["memo"] for item in (await home.get(f"{entries_of(book)}?known_at=5&state=deleted")).items]
    assert first == (await home.get(f"{path_of(first)}?known_at=2")).json
    assert (404, "entry-not-found") == (await home.get(f"{path_of(second)}?known_at=2")).outcome
    assert (404, "entry-not-found") == (await home.get(f"{path_of(second)}?known_at=5")).outcome


@pytest.mark.parametrize("sort", ["occurred_on", "-occurred_on", "amount", "-amount", "-recorded_at"])
async def test_entries_of_then_are_paged_in_every_order(home, book, sort):
    for number in range(5):
        await home.record(book, amount=str(100 + number % 2), occurred_on=f"2026-02-0{1 + number % 3}")
    whole = (await home.get(f"{entries_of(book)}?sort={sort}")).items
    await home.delete(path_of(whole[0]))
    found, query = [], f"?known_at=6&limit=2&sort={sort}"
    while query:
        page = await home.get(f"{entries_of(book)}{query}")
        found += page.items
        cursor = page.json["next_cursor"]
        query = f"?known_at=6&limit=2&sort={sort}&cursor={cursor}" if cursor else None
    assert whole == found


@pytest.mark.parametrize("group_by", [None, "day", "month", "category", "member"])
@pytest.mark.parametrize("bounds", ["", "&from=2026-02-02&to=2026-02-28"])
async def test_totals_are_those_of_then(home, book, group_by, bounds):
    food = await home.category(book, "식비")
    made = [
        await home.record(book, amount="100", occurred_on="2026-02-01"),
        await home.record(book, amount="250", occurred_on="2026-02-02", category_id=food["id"]),
        await home.record(book, kind="income", amount="900", occurred_on="2026-03-05"),
    ]
    query = f"{f'group_by={group_by}' if group_by else ''}{bounds}"
    path = f"/books/{book['id']}/totals?{query}"
    then = (await home.get(path)).json
    for entry in made:
        await home.delete(path_of(entry))
    await home.patch(f"/books/{book['id']}", {"opening_balance": "5"})
    assert then == (await home.get(f"{path}&known_at=4")).json
    assert then != (await home.get(path)).json


async def test_wallet_at_a_time_is_that_of_the_books_as_they_were(home, book):
    other = await home.open_book(name="USD book", currency="USD", opening_balance="10.50")
    await home.record(book, kind="income", amount="1000")
    then = (await home.get("/wallet")).json
    await home.record(book, amount="1")
    at = (await home.get(f"{entries_of(book)}?sort=-recorded_at&limit=2")).items[1]["created_at"]
    await home.delete(f"/books/{other['id']}")

    assert then == (await home.get("/wallet", params={"known_at": at})).json
    assert then != (await home.get("/wallet")).json
    assert {"wallets": []} == (await home.get("/wallet", params={"known_at": "2020-01-01T00:00:00Z"})).json
    assert {"known_at"} == (await home.get("/wallet?known_at=3")).errors.keys()


async def test_diff_tells_what_was_added_changed_and_removed_between(home, book):
    kept = await home.record(book, amount="100", memo="kept")
    gone = await home.record(book, amount="50", memo="gone")
    changed = (await home.patch(path_of(kept), {"amount": "130"})).json
    await home.delete(path_of(gone))
    added = await home.record(book, kind="income", amount="7", memo="added")
    passing = await home.record(book, memo="passing")
    await home.delete(path_of(passing))
    diff = (await home.get(f"/books/{book['id']}/diff?known_at=3&until=8")).json

    assert ([added], [{"before": kept, "after": changed}], [gone]) == (diff["added"], diff["changed"], diff["removed"])
    assert {"income": "7", "expense": "-20", "total": "27", "balance": "27"} == diff["totals"]
    assert (3, 8) == (diff["known_at"]["position"], diff["until"]["position"])
    assert gone["created_at"] == diff["known_at"]["recorded_at"]
    nothing = (await home.get(f"/books/{book['id']}/diff?known_at=8")).json
    assert ([], [], [], "0") == (
        *(nothing[name] for name in ("added", "changed", "removed")),
        nothing["totals"]["total"],
    )


async def test_diff_comes_to_what_the_sums_differ_by(home):
    book = await home.open_book(name="여행", currency="USD", opening_balance="10.50")
    path = f"/books/{book['id']}"
    for amount in ("123456789012345", "0.99"):
        await home.record(book, amount=amount)
    gone = await home.record(book, kind="income", amount="70.01")
    moved = await home.transfer(book, await home.open_book(currency="USD"), amount="5")
    then = (await home.get(path)).json

    await home.delete(path_of(gone))
    await home.patch(path_of(moved["from"]), {"amount": "8.25"})
    await home.transfer(await home.open_book(currency="USD"), book, amount="3")
    await home.record(book, kind="income", amount="999999999999999")
    await home.patch(path, {"opening_balance": "-2"})
    now = (await home.get(path)).json

    assert then == (await home.get(f"{path}?known_at=5")).json
    diff = (await home.get(f"{path}/diff?known_at=5")).json
    names = ("income", "expense", "total", "balance")
    assert {name: Decimal(now[name]) - Decimal(then[name]) for name in names} == {
        name: Decimal(amount) for name, amount in diff["totals"].items()
    }


async def test_diff_backwards_or_without_a_moment_is_refused(home, book):
    await home.record(book)
    path = f"/books/{book['id']}/diff"
    assert {"known_at"} == (await home.get(path)).errors.keys()
    assert {"until"} == (await home.get(f"{path}?known_at=2&until=1")).errors.keys()
    assert (404, "book-not-found") == (await home.get(f"{path}?known_at=0&until=1")).outcome


@pytest.mark.parametrize("form", ["csv", "ndjson", "hledger", "beancount"])
async def test_export_of_then_is_the_file_of_then(home, book, form):
    food = await home.category(book, "식비")
    entry = await home.record(book, category_id=food["id"], memo="점심")
    await home.record(book, occurred_on="2025-12-31", kind="income", amount="7")
    path = f"/books/{book['id']}/export?format={form}"
    then = (await home.get(path)).content
    await home.patch(f"/books/{book['id']}/categories/{food['id']}", {"name": "밥값"})
    await home.patch(f"/books/{book['id']}", {"name": "새집", "opening_balance": "9"})
    await home.delete(path_of(entry))
    assert then == (await home.get(f"{path}&known_at=3")).content
    assert then != (await home.get(path)).content
