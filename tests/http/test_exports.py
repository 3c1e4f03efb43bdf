"""A book as a file: what is in it, who may have it, and what happens meanwhile."""

import asyncio
import csv
import io
from contextlib import AsyncExitStack
from decimal import Decimal
from uuid import UUID

import orjson
import pytest

from ledger.exports.csv import COLUMNS, CsvExport
from ledger.schemas import KINDS
from projections.exports import FILES_MAX, FORMATS, READERS_MAX
from projections.http import EXPORTS
from tests.accounting import (
    beancount_balances,
    convert_example,
    generate_example,
    hledger_balances,
    install_hledger,
    totals_of,
)
from tests.http.conftest import NOWHERE, path_of

HLEDGER_ROOTS = ("income", "expenses", "assets")
MEMOS = ('점심 "특선"; 둘이', "line\nbreak", "(code) | = @ #tag", "", "=1+1", "back\\slash", "- 우유")


async def export(household, book, form, **query):
    answer = await household.get(f"/books/{book['id']}/export", params={"format": form, **query})
    assert answer.status == 200, answer.content
    return answer


async def rows_of(household, book, **query):
    text = (await export(household, book, "csv", **query)).content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def lines_of(household, book, **query):
    return [orjson.loads(line) for line in (await export(household, book, "ndjson", **query)).content.splitlines()]


async def transfer(household, source, target, **fields):
    body = {"from_book": source["id"], "to_book": target["id"], "occurred_on": "2026-02-20", **fields}
    return await household.made("/transfers", body)


async def imported(household, book, form, content):
    path = f"/books/{book['id']}/imports?format={form}"
    answer = await household.ask("POST", path, data=content, headers={"Content-Type": "application/octet-stream"})
    assert answer.status == 201, answer.content
    return answer.json


async def totals(household, book):
    answered = (await household.get(f"/books/{book['id']}/totals")).json
    return {name: Decimal(answered[name]) for name in ("income", "expense", "balance")}


@pytest.fixture(params=["KRW", "USD"])
async def full_book(request, home):
    """A book with all that a book can hold, and texts that mean something to those who read files."""
    cents = ".25" if request.param == "USD" else ""
    book = await home.open_book(name='살림; "2026": 우리', currency=request.param, opening_balance=f"-1000{cents}")
    food = await home.category(book, "식비")
    odd = await home.made(f"/books/{book['id']}/categories", {"name": "a  b; c:d", "kind": "expense"})
    for number, memo in enumerate(MEMOS):
        fields = {"memo": memo, "amount": f"{number + 1}00{cents}", "tags": ["외식", "two words", "a;b", "plain"]}
        await home.record(
            book, **fields, category_id=(food, odd)[number % 2]["id"], occurred_on=f"2026-01-{9 - number:02}"
        )
        await home.record(book, **fields, kind="income", category_id=food["id"])
        await home.record(book, **fields, kind="income")
    gone = await home.record(book, amount="777")
    await home.delete(path_of(gone))
    await home.delete(f"/books/{book['id']}/categories/{food['id']}")
    savings = await home.open_book(name="저축", currency=request.param)
    await transfer(home, book, savings, amount=f"5000{cents}", memo="저축")
    await transfer(home, savings, book, amount=f"20{cents}", memo="")
    return book


async def test_beancount_export_loads_with_the_totals_of_the_book(home, full_book):
    text = (await export(home, full_book, "beancount")).content.decode()
    balances, transactions = beancount_balances(text)

    assert await totals(home, full_book) == totals_of(balances)
    assert 1 + 3 * len(MEMOS) + 2 == len(transactions)
    assert {*MEMOS, "저축", "Opening balance"} == {one.narration for one in transactions}


async def test_hledger_export_is_accepted_with_the_totals_of_the_book(home, full_book):
    install_hledger()
    text = (await export(home, full_book, "hledger")).content.decode()

    assert await totals(home, full_book) == totals_of(await asyncio.to_thread(hledger_balances, text), HLEDGER_ROOTS)


async def test_years_of_beancounts_own_example_come_out_with_the_totals_they_went_in_with(home, tmp_path):
    example = tmp_path / "example.beancount"
    generate_example(example, years=2)
    entries = convert_example(example, tmp_path)
    book = await home.open_book(name="Example", currency="USD")
    await imported(home, book, "ndjson", (tmp_path / "USD.ndjson").read_bytes())
    balances, _ = beancount_balances((await export(home, book, "beancount")).content.decode())
    sums = {kind: sum(Decimal(one["amount"]) for one in entries if one["kind"] == kind) for kind in KINDS}

    assert sums | {"balance": sums["income"] - sums["expense"]} == totals_of(balances)
    assert await totals(home, book) == totals_of(balances)
    assert 1000 < len(entries) == len(await lines_of(home, book))


@pytest.mark.parametrize("form", ["csv", "ndjson"])
async def test_export_imported_into_another_book_is_the_same_again(home, full_book, form):
    copy = await home.open_book(name="copy", currency=full_book["currency"])
    done = await imported(home, copy, form, (await export(home, full_book, form)).content)
    told = ("kind", "amount", "occurred_on", "category", "memo", "tags")

    def in_import_form(lines):
        return sorted(([line[name] for name in told] for line in lines), key=str)

    assert 3 * len(MEMOS) == done["created"]
    assert in_import_form(await lines_of(home, full_book)) == in_import_form(await lines_of(home, copy))


async def test_csv_export_has_the_live_entries_by_day_and_then_by_id(home, full_book):
    rows = await rows_of(home, full_book)
    listed = (await home.get(f"/books/{full_book['id']}/entries?sort=occurred_on&limit=200")).items
    own = [entry["id"] for entry in listed if entry["kind"] in {"income", "expense"}]

    assert COLUMNS == tuple(rows[0])
    assert own == [row["id"] for row in rows]
    assert sorted(rows, key=lambda row: (row["occurred_on"], row["id"])) == rows


async def test_ndjson_export_says_what_the_list_shows(home, full_book):
    listed = (await home.get(f"/books/{full_book['id']}/entries?sort=occurred_on&limit=200")).items
    same = ("id", "kind", "amount", "currency", "occurred_on", "memo", "tags", "created_by", "created_at")
    expected = [
        {name: entry[name] for name in same}
        | {"category": entry["category"] and entry["category"]["name"], "transfer": entry.get("transfer")}
        for entry in listed
    ]

    assert expected == await lines_of(home, full_book, transfers="true")
    assert [one for one in expected if one["transfer"] is None] == await lines_of(home, full_book)


async def test_transfers_are_exported_where_they_are_asked_for(home, full_book):
    lines = await lines_of(home, full_book, transfers="true")
    kinds = [row["kind"] for row in await rows_of(home, full_book, transfers="true")]
    transfers = [line for line in lines if line["kind"] == "transfer"]

    assert {"out", "in"} == {line["transfer"]["direction"] for line in transfers}
    assert (1, 1) == (kinds.count("transfer_out"), kinds.count("transfer_in"))
    assert 3 * len(MEMOS) + 2 == len(lines) == len(kinds)


@pytest.mark.parametrize("form", FORMATS)
async def test_book_without_entries_is_what_a_file_begins_with(home, book, form):
    empty = (await export(home, book, form)).content
    await home.record(book, occurred_on="2999-01-01")

    assert empty == (await export(home, book, form)).content[: len(empty)]
    assert (form == "ndjson") == (empty == b"")


@pytest.mark.parametrize(
    ("form", "media_type", "suffix"),
    [
        ("csv", "text/csv; charset=utf-8", "csv"),
        ("ndjson", "application/x-ndjson", "ndjson"),
        ("hledger", "text/plain; charset=utf-8", "journal"),
        ("beancount", "text/plain; charset=utf-8", "beancount"),
    ],
)
async def test_export_is_a_file_to_save_named_after_the_book(home, form, media_type, suffix):
    book = await home.open_book(name='우리/집 "2026"')
    headers = (await export(home, book, form)).headers

    assert media_type == headers["Content-Type"]
    assert "private, no-store" == headers["Cache-Control"]
    name = f"%EC%9A%B0%EB%A6%AC_%EC%A7%91_2026_.{suffix}"
    assert f"attachment; filename=\"book.{suffix}\"; filename*=UTF-8''{name}" == headers["Content-Disposition"]


@pytest.mark.parametrize("query", ["", "?format=xls", "?format=CSV", "?format=csv&transfers=yes"])
async def test_export_of_what_is_unknown_is_refused(home, book, query):
    answer = await home.get(f"/books/{book['id']}/export{query}")

    assert {"transfers" if "transfers" in query else "format"} == set(answer.errors)


async def test_strangers_and_guests_get_no_export(home, stranger, guest, book):
    path = f"/books/{book['id']}/export?format=csv"

    assert (404, "book-not-found") == (await stranger.get(path)).outcome
    assert (401, "unauthenticated") == (await guest.get(path)).outcome
    assert (404, "book-not-found") == (await home.get(path.replace(book["id"], NOWHERE))).outcome


async def test_export_after_a_write_has_it(home, book):
    for number in range(1, 6):
        entry = await home.record(book, memo=f"memo {number}")
        assert entry["id"] in {line["id"] for line in await lines_of(home, book)}


async def test_deleted_book_can_still_be_exported(home, book):
    await home.record(book)
    await home.delete(f"/books/{book['id']}")

    assert ["12000"] == [row["amount"] for row in await rows_of(home, book)]


async def test_many_exports_at_once_all_succeed(home, book):
    entry = await home.record(book)
    answers = await asyncio.gather(*(lines_of(home, book) for _ in range(20)))

    assert [[entry["id"]]] * 20 == [[line["id"] for line in answer] for answer in answers]


async def test_slow_clients_keep_nobody_from_the_database(home, book):
    memo = "가" * 10_000
    for _ in range(10):
        await asyncio.gather(*(home.record(book, memo=memo) for _ in range(40)))
    path, headers = f"/books/{book['id']}/export?format=csv", {"Authorization": f"Bearer {home.tokens['access_token']}"}
    async with AsyncExitStack() as stack:
        for _ in range(READERS_MAX + 1):
            slow = await stack.enter_async_context(home.client.get(path, headers=headers))
            assert (200, None) == (slow.status, slow.content.exception())
            assert not slow.content.is_eof()

        assert 400 == len(await rows_of(home, book))


async def test_more_exports_than_there_is_room_for_are_refused(home, book, client):
    exports = client.server.app[EXPORTS]
    reader = UUID((await home.get("/users/me")).json["id"])
    held = [await exports.export(reader, UUID(book["id"]), CsvExport, transfers=False) for _ in range(FILES_MAX)]
    refused = await home.get(f"/books/{book['id']}/export?format=csv")
    held.pop()

    assert (503, "too-busy") == refused.outcome
    assert [] == await rows_of(home, book)


async def test_exports_forgotten_by_their_clients_make_room_again(home, book):
    await home.record(book)
    for _ in range(FILES_MAX + 1):
        async with home.client.get(
            f"/books/{book['id']}/export?format=csv",
            headers={"Authorization": f"Bearer {home.tokens['access_token']}"},
        ) as response:
            assert response.status == 200
            response.close()

    assert 1 == len(await rows_of(home, book))
