"""The wallet: a household's own live books, summed by currency."""

from tests.http.conftest import path_of


async def test_wallet_without_books_is_empty(home):
    answer = await home.get("/wallet")

    assert (answer.status, answer.json) == (200, {"wallets": []})


async def test_wallet_sums_several_books_by_currency(home, stranger):
    daily, savings = await home.open_book(opening_balance="1000"), await home.open_book(opening_balance="-5")
    travel = await home.open_book(currency="USD")
    await home.record(daily, kind="income", amount="300")
    await home.record(savings, amount="20")
    await home.record(travel, amount="12.5")
    await home.record(travel, kind="income", amount="0.01", occurred_on="2999-01-01")
    await stranger.record(await stranger.open_book(currency="EUR"), amount="1")

    won = [{"book_id": daily["id"], "balance": "1300"}, {"book_id": savings["id"], "balance": "-25"}]
    assert (await home.get("/wallet")).json["wallets"] == [
        {
            "currency": "KRW",
            "income": "300",
            "expense": "20",
            "total": "280",
            "balance": "1275",
            "books": [{"name": "우리집", **book} for book in won],
        },
        {
            "currency": "USD",
            "income": "0.01",
            "expense": "12.50",
            "total": "-12.49",
            "balance": "-12.49",
            "books": [{"book_id": travel["id"], "name": "우리집", "balance": "-12.49"}],
        },
    ]


async def test_wallet_agrees_with_books_and_totals_after_every_change(home, book):
    entry = await home.record(book)
    for change in (
        lambda: home.patch(path_of(entry), {"amount": "1"}),
        lambda: home.patch(path_of(entry), {"kind": "income"}),
        lambda: home.delete(path_of(entry)),
        lambda: home.post(f"{path_of(entry)}/restore"),
        lambda: home.patch(f"/books/{book['id']}", {"opening_balance": "9", "name": "새 이름"}),
    ):
        assert (await change()).status < 300
        (wallet,) = (await home.get("/wallet")).json["wallets"]
        shown = (await home.get(f"/books/{book['id']}")).json
        totals = (await home.get(f"/books/{book['id']}/totals")).json
        sums = ("income", "expense", "total", "balance")
        assert [wallet[name] for name in sums] == [shown[name] for name in sums] == [totals[name] for name in sums]
        assert wallet["books"] == [{"book_id": book["id"], "name": shown["name"], "balance": shown["balance"]}]


async def test_wallet_counts_no_deleted_book_until_it_is_restored(home, book):
    other = await home.open_book(currency="USD")
    await home.record(other)
    before = (await home.get("/wallet")).json
    await home.delete(f"/books/{other['id']}")
    without = (await home.get("/wallet")).json
    await home.post(f"/books/{other['id']}/restore")

    assert [wallet["currency"] for wallet in without["wallets"]] == ["KRW"]
    assert (await home.get("/wallet")).json == before


async def test_wallet_is_for_those_who_are_signed_in(guest):
    assert (await guest.get("/wallet")).outcome == (401, "unauthenticated")
