"""Transfers: one entry in each of two books, both or neither, changed on both sides at once."""

import asyncio

import pytest

from tests.http.conftest import NOWHERE, entries_of, path_of

SUMS = ("income", "expense", "total", "transferred", "balance", "entry_count")
OTHER_SIDE = {"from": "to", "to": "from"}


@pytest.fixture
async def savings(home):
    return await home.open_book(name="저축", opening_balance="1000")


@pytest.fixture
async def dollars(home):
    return await home.open_book(name="여행", currency="USD")


@pytest.fixture
async def moved(home, book, savings):
    return await home.transfer(book, savings, amount="5000", memo="저축")


async def sums(household, book):
    shown = (await household.get(f"/books/{book['id']}")).json
    return tuple(shown[name] for name in SUMS)


async def both(household, moved):
    """Both sides as they are now, deleted or not."""
    return [(await household.get(f"{path_of(moved[side])}?state=all")).json for side in ("from", "to")]


async def test_transfer_is_an_entry_in_each_book_that_names_the_other(home, book, savings):
    asked = {"from_book": book["id"], "to_book": savings["id"], "amount": "5000", "occurred_on": "2026-02-17"}
    answer = await home.post("/transfers", {**asked, "memo": "저축"})

    made = answer.json
    assert (201, {"transfer_id", "from", "to"}) == (answer.status, set(made))
    for side, of_book, direction in (("from", book, "out"), ("to", savings, "in")):
        entry, other = made[side], made[OTHER_SIDE[side]]
        expected = {"kind": "transfer", "amount": "5000", "currency": "KRW", "occurred_on": "2026-02-17"}
        expected |= {"category": None, "memo": "저축", "tags": [], "deleted": False, "version": 1}
        expected |= {"book_id": of_book["id"], "created_by": await home.id}
        assert expected == {name: entry[name] for name in expected}
        told = {"id": made["transfer_id"], "direction": direction, "book_id": other["book_id"], "entry_id": other["id"]}
        assert told == entry["transfer"]
        assert entry == (await home.get(path_of(entry))).json
        assert [entry] == (await home.get(entries_of(of_book))).items
        assert [entry] == (await home.get(f"{entries_of(of_book)}?kind=transfer")).items


async def test_transfer_is_read_back_with_the_etag_of_its_change(home, moved):
    for side in ("from", "to"):
        answer = await home.patch(path_of(moved[side]), {"memo": side})
        read = await home.get(path_of(moved[side]))
        assert (answer.content, answer.headers["ETag"]) == (read.content, read.headers["ETag"])


async def test_transfer_counts_in_balances_alone(home, book, savings, moved):
    await home.record(book, amount="200")

    assert ("0", "200", "-200", "-5000", "-5200", 2) == await sums(home, book)
    assert ("0", "0", "0", "5000", "6000", 1) == await sums(home, savings)
    (wallet,) = (await home.get("/wallet")).json["wallets"]
    assert ("0", "200", "-200", "800") == tuple(wallet[name] for name in ("income", "expense", "total", "balance"))
    assert {book["id"]: "-5200", savings["id"]: "6000"} == {
        item["book_id"]: item["balance"] for item in wallet["books"]
    }


async def test_transfer_is_in_no_group_of_totals_but_in_the_balance(home, book, savings, moved):
    await home.record(book, amount="200", occurred_on="2026-03-01")
    for group_by in ("day", "month", "category", "member"):
        totals = (await home.get(f"/books/{book['id']}/totals?group_by={group_by}")).json
        assert ("0", "200", "-5200") == (totals["income"], totals["expense"], totals["balance"])
        assert [(1, "200")] == [(group["count"], group["expense"]) for group in totals["groups"]]
        assert [] == (await home.get(f"/books/{savings['id']}/totals?group_by={group_by}")).json["groups"]
    path = f"/books/{savings['id']}/totals"
    assert "1000" == (await home.get(f"{path}?to=2026-02-16")).json["balance"]
    assert "6000" == (await home.get(f"{path}?to=2026-02-17")).json["balance"]
    assert "6000" == (await home.get(f"{path}?from=2026-02-01&to=2026-02-28")).json["balance"]


@pytest.mark.parametrize("side", ["from", "to"])
async def test_transfer_changed_on_one_side_is_changed_on_both(home, book, savings, moved, side):
    version = 1
    for patch in ({"amount": "700"}, {"occurred_on": "2026-03-05"}, {"memo": "x"}, {"memo": None, "amount": 900}):
        answer = await home.patch(path_of(moved[side]), patch)
        version += 1
        here, there = await home.get(path_of(moved[side])), await home.get(path_of(moved[OTHER_SIDE[side]]))
        assert (200, here.json) == (answer.status, answer.json)
        for name in ("amount", "occurred_on", "memo", "version", "updated_at"):
            assert here.json[name] == there.json[name], (patch, name)
        assert version == here.json["version"]
    assert ("0", "0", "0", "-900", "-900", 1) == await sums(home, book)
    assert ("0", "0", "0", "900", "1900", 1) == await sums(home, savings)


@pytest.mark.parametrize("side", ["from", "to"])
async def test_category_and_tags_of_a_transfer_are_those_of_its_side(home, book, savings, moved, side):
    other = moved[OTHER_SIDE[side]]
    of_side = {"from": book, "to": savings}[side]
    food = await home.category(of_side, "식비")
    answer = await home.patch(path_of(moved[side]), {"category_id": food["id"], "tags": ["x"]})
    assert (food, ["x"], 2) == tuple(answer.json[name] for name in ("category", "tags", "version"))
    assert other == (await home.get(path_of(other))).json


async def test_transfer_stays_a_transfer(home, moved):
    for side in ("from", "to"):
        for kind in ("income", "expense", "transfer", "transfer_out", None):
            assert ["kind"] == list((await home.patch(path_of(moved[side]), {"kind": kind})).errors), kind
    assert [moved["from"], moved["to"]] == await both(home, moved)


@pytest.mark.parametrize("side", ["from", "to"])
async def test_transfer_deleted_and_restored_on_one_side_is_so_on_both(home, book, savings, moved, side):
    other = OTHER_SIDE[side]
    assert 204 == (await home.delete(path_of(moved[side]))).status
    assert [True, True] == [entry["deleted"] for entry in await both(home, moved)]
    assert ("0", 0) == (await sums(home, book))[-2:]
    assert ("1000", 0) == (await sums(home, savings))[-2:]
    assert (409, "entry-deleted") == (await home.delete(path_of(moved[other]))).outcome
    assert (409, "entry-deleted") == (await home.patch(path_of(moved[other]), {"memo": "x"})).outcome
    assert (409, "entry-deleted") == (await home.post(f"{path_of(moved[other])}/duplicate")).outcome

    assert 200 == (await home.post(f"{path_of(moved[other])}/restore")).status
    restored = await both(home, moved)
    for entry, was in zip(restored, (moved["from"], moved["to"]), strict=True):
        assert {**was, "version": 3, "updated_at": entry["updated_at"]} == entry
    assert (409, "entry-not-deleted") == (await home.post(f"{path_of(moved[side])}/restore")).outcome
    assert "-5000" == (await sums(home, book))[3]
    assert "5000" == (await sums(home, savings))[3]


@pytest.mark.parametrize("side", ["from", "to"])
@pytest.mark.parametrize("deleted", [False, True])
async def test_transfer_reverted_on_one_side_is_again_what_it_was_on_both(home, book, savings, moved, side, deleted):
    await home.patch(path_of(moved["from"]), {"amount": "1", "memo": "x", "occurred_on": "2026-05-05"})
    await home.patch(path_of(moved[side]), {"tags": ["y"]})
    if deleted:
        await home.delete(path_of(moved["to"]))
    answer = await home.post(f"{path_of(moved[side])}/revert", {"version": 1})

    assert 200 == answer.status
    shown = ("amount", "occurred_on", "memo", "tags", "deleted", "category")
    for entry, was in zip(await both(home, moved), (moved["from"], moved["to"]), strict=True):
        assert [was[name] for name in shown] == [entry[name] for name in shown]
    assert ("0", "0", "0", "-5000", "-5000", 1) == await sums(home, book)
    assert ("0", "0", "0", "5000", "6000", 1) == await sums(home, savings)


async def test_transfer_reverted_to_when_it_was_deleted_is_deleted_on_both_sides(home, book, savings, moved):
    await home.delete(path_of(moved["from"]))
    await home.post(f"{path_of(moved['from'])}/restore")
    await home.patch(path_of(moved["to"]), {"amount": "3"})
    await home.post(f"{path_of(moved['from'])}/revert", {"version": 2})
    assert [(True, "5000")] * 2 == [(entry["deleted"], entry["amount"]) for entry in await both(home, moved)]
    assert ("0", 0) == (await sums(home, book))[-2:]
    assert ("1000", 0) == (await sums(home, savings))[-2:]
    await home.post(f"{path_of(moved['to'])}/restore")
    assert ("-5000", 1) == (await sums(home, book))[-2:]
    assert ("6000", 1) == (await sums(home, savings))[-2:]


@pytest.mark.parametrize("side", ["from", "to"])
async def test_transfer_duplicated_on_one_side_is_another_transfer(home, book, savings, moved, side):
    food = await home.category({"from": book, "to": savings}[OTHER_SIDE[side]], "식비")
    other = (await home.patch(path_of(moved[OTHER_SIDE[side]]), {"category_id": food["id"], "tags": ["x"]})).json
    copy = await home.made(f"{path_of(moved[side])}/duplicate", {"occurred_on": "2026-04-01"})
    there = (await home.get(f"/books/{copy['transfer']['book_id']}/entries/{copy['transfer']['entry_id']}")).json

    assert (moved[side]["id"], other["id"]) == (copy["copied_from"], there["copied_from"])
    assert ("2026-04-01", "5000", food, ["x"]) == tuple(
        there[name] for name in ("occurred_on", "amount", "category", "tags")
    )
    assert (copy["transfer"]["id"], copy["book_id"], copy["id"]) == tuple(
        there["transfer"][name] for name in ("id", "book_id", "entry_id")
    )
    assert copy["transfer"]["id"] != moved["transfer_id"]
    assert moved[side]["transfer"]["direction"] == copy["transfer"]["direction"]
    assert ("-10000", 2) == (await sums(home, book))[-2:]
    assert ("11000", 2) == (await sums(home, savings))[-2:]
    await home.delete(path_of(there))
    assert ("-5000", 1) == (await sums(home, book))[-2:]


# ── two currencies ───────────────────────────────────────────────────────────────────────────────────────


async def test_transfer_between_currencies_has_an_amount_in_each(home, book, dollars):
    made = await home.transfer(book, dollars, amount="140000", to_amount="100.5")
    assert ("140000", "KRW") == (made["from"]["amount"], made["from"]["currency"])
    assert ("100.50", "USD") == (made["to"]["amount"], made["to"]["currency"])
    assert ("-140000", "-140000") == (await sums(home, book))[3:5]
    assert ("100.50", "100.50") == (await sums(home, dollars))[3:5]
    won, usd = sorted((await home.get("/wallet")).json["wallets"], key=lambda wallet: wallet["currency"])
    assert ("-140000", "100.50") == (won["balance"], usd["balance"])


async def test_transfer_between_currencies_shares_all_but_its_amounts(home, book, dollars):
    made = await home.transfer(book, dollars, amount="140000", to_amount="100")
    await home.patch(path_of(made["from"]), {"amount": "141000", "memo": "환전", "occurred_on": "2026-03-01"})
    await home.patch(path_of(made["to"]), {"amount": "99.99"})
    here, there = await both(home, made)
    assert ("141000", "99.99") == (here["amount"], there["amount"])
    assert ("환전", "2026-03-01") == (there["memo"], there["occurred_on"])

    await home.post(f"{path_of(made['from'])}/revert", {"version": 1})
    here, there = await both(home, made)
    assert ("140000", "99.99", "", "2026-02-17") == (
        here["amount"],
        there["amount"],
        there["memo"],
        there["occurred_on"],
    )
    copy = await home.made(f"{path_of(made['to'])}/duplicate")
    assert "99.99" == copy["amount"]
    assert "-280000" == (await sums(home, book))[3]


# ── refused ──────────────────────────────────────────────────────────────────────────────────────────────


async def nothing(household, *books):
    """Tell whether no entry was ever recorded in these books."""
    return all([(await household.get(f"{entries_of(book)}?state=all")).items == [] for book in books])


async def test_transfer_is_refused_where_a_field_is_wrong(home, book, savings, dollars):
    good = {"from_book": book["id"], "to_book": savings["id"], "amount": "1"}
    for fields, field in [
        ({"to_book": book["id"]}, "to_book"),
        ({"to_book": dollars["id"]}, "to_amount"),
        ({"to_book": dollars["id"], "to_amount": None}, "to_amount"),
        ({"to_book": dollars["id"], "to_amount": "0.001"}, "to_amount"),
        ({"to_book": dollars["id"], "to_amount": "0"}, "to_amount"),
        ({"to_book": dollars["id"], "to_amount": 1.5}, "to_amount"),
        ({"to_amount": "2"}, "to_amount"),
        ({"amount": "0"}, "amount"),
        ({"amount": "-1"}, "amount"),
        ({"amount": "0.5"}, "amount"),
        ({"amount": 1.0}, "amount"),
        ({"amount": None}, "amount"),
        ({"occurred_on": "2026-02-30"}, "occurred_on"),
        ({"memo": "\x00"}, "memo"),
        ({"from_book": "x"}, "from_book"),
        ({"to_book": None}, "to_book"),
        ({"kind": "transfer"}, "kind"),
    ]:
        assert [field] == list((await home.post("/transfers", {**good, **fields})).errors), fields
    assert {"from_book", "to_book", "amount"} == set((await home.post("/transfers", {})).errors)
    assert await nothing(home, book, savings, dollars)


async def test_transfer_within_one_currency_may_say_the_same_amount_twice(home, book, savings):
    made = await home.transfer(book, savings, amount="10", to_amount="10")
    assert ("10", "10") == (made["from"]["amount"], made["to"]["amount"])


async def test_transfer_without_a_day_is_dated_where_the_client_is(home, book, savings):
    asked = {"from_book": book["id"], "to_book": savings["id"], "amount": "1"}
    entry = await home.made(entries_of(book), {"kind": "income", "amount": "1"})
    made = await home.made("/transfers", asked)
    assert made["from"]["occurred_on"] == made["to"]["occurred_on"] >= entry["occurred_on"]


@pytest.mark.parametrize("role", ["viewer", "auditor", "stranger"])
@pytest.mark.parametrize("outwards", [True, False])
async def test_transfer_is_made_by_who_may_write_in_both_books(home, stranger, book, role, outwards):
    own = await stranger.open_book()
    if role != "stranger":
        await home.share(book, stranger, role)
    source, target = (own, book) if outwards else (book, own)
    answer = await stranger.post("/transfers", {"from_book": source["id"], "to_book": target["id"], "amount": "1"})
    assert answer.outcome == ((404, "book-not-found") if role == "stranger" else (403, "not-permitted"))
    assert await nothing(home, book)
    assert await nothing(stranger, own)


async def test_transfer_with_a_book_that_is_not_there_is_refused(home, book):
    for fields in ({"from_book": book["id"], "to_book": NOWHERE}, {"from_book": NOWHERE, "to_book": book["id"]}):
        assert (404, "book-not-found") == (await home.post("/transfers", {**fields, "amount": "1"})).outcome
    assert await nothing(home, book)


async def test_transfer_with_a_deleted_book_is_refused(home, book, savings, moved):
    before = await both(home, moved)
    await home.delete(f"/books/{savings['id']}")
    for source, target in ((book, savings), (savings, book)):
        answer = await home.post("/transfers", {"from_book": source["id"], "to_book": target["id"], "amount": "1"})
        assert (409, "book-deleted") == answer.outcome
    for method, path, body in [
        ("PATCH", path_of(moved["from"]), {"memo": "x"}),
        ("DELETE", path_of(moved["from"]), None),
        ("POST", f"{path_of(moved['from'])}/duplicate", None),
    ]:
        assert (409, "book-deleted") == (await home.ask(method, path, json=body)).outcome, method
    assert before == await both(home, moved)
    assert 1 == len((await home.get(f"{entries_of(book)}?state=all")).items)


async def test_member_of_one_book_changes_what_is_this_side_s_alone(home, stranger, book, moved):
    await home.share(book, stranger)
    before = await both(home, moved)
    path = path_of(moved["from"])
    for method, target, body in [
        ("PATCH", path, {"memo": "x"}),
        ("PATCH", path, {"amount": "1"}),
        ("PATCH", path, {"occurred_on": "2026-01-01"}),
        ("DELETE", path, None),
        ("POST", f"{path}/duplicate", None),
    ]:
        assert (403, "not-permitted") == (await stranger.ask(method, target, json=body)).outcome, body
    assert before == await both(home, moved)
    assert (404, "book-not-found") == (await stranger.get(path_of(moved["to"]))).outcome
    food = await stranger.category(book, "식비")
    answer = await stranger.patch(path, {"tags": ["x"], "category_id": food["id"]})
    assert (200, food) == (answer.status, answer.json["category"])
    assert moved["to"] == (await home.get(path_of(moved["to"]))).json


async def test_transfer_that_changed_on_the_other_side_is_another_to_if_match(home, moved):
    stale = (await home.get(path_of(moved["from"]))).headers["ETag"]
    await home.patch(path_of(moved["to"]), {"memo": "x"})
    answer = await home.patch(path_of(moved["from"]), {"memo": "y"}, headers={"If-Match": stale})
    assert (412, "entry-changed", 2) == (*answer.outcome, answer.json["version"])


async def test_transfer_is_in_the_history_of_both_sides(home, moved):
    await home.patch(path_of(moved["from"]), {"amount": "1"})
    await home.delete(path_of(moved["to"]))
    for side in ("from", "to"):
        items = (await home.get(f"{path_of(moved[side])}/history")).items
        assert ["entry.recorded", "entry.amended", "entry.deleted"] == [item["type"] for item in items]
        assert {"amount": {"from": "5000", "to": "1"}} == items[1]["changes"]


async def test_copy_that_races_a_change_of_the_other_side_is_of_one_moment(home, book, savings):
    for _ in range(20):
        moved = await home.transfer(book, savings, amount="5000")
        _, copied = await asyncio.gather(
            home.patch(path_of(moved["from"]), {"amount": "7000"}), home.post(f"{path_of(moved['to'])}/duplicate")
        )
        link = copied.json["transfer"]
        other = (await home.get(f"/books/{link['book_id']}/entries/{link['entry_id']}")).json
        assert copied.json["amount"] == other["amount"]
