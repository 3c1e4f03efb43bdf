"""Money over HTTP: the forms that are taken, those that are not, and how it is always shown."""

from tests.http.conftest import entries_of, path_of

SHOWN = {
    "KRW": {"12000": "12000", "1": "1", "999999999999999": "999999999999999", 12000: "12000"},
    "USD": {"12": "12.00", "12.5": "12.50", "12.34": "12.34", "0.01": "0.01", 7: "7.00", "9999999999999.99": None},
    "KWD": {"1": "1.000", "1.5": "1.500", "0.001": "0.001", "999999999999.999": "999999999999.999"},
}
MALFORMED = [
    *(
        "012",
        "00",
        ".5",
        "5.",
        "+5",
        "1_000",
        " 5",
        "5 ",
        "1,000",
        "1e3",
        "0x10",
        "Infinity",
        "NaN",
        "",
        " ",
        "-",
        "--5",
    ),
    *("٣", "１２", "12.5.0", "₩5", "12\n", "1E0", "-012", "0.0.1"),
    *(1.5, 1.0, 1e3, True, False, None, [], ["1"], {}, {"amount": "1"}),
]
TOO_FINE = {"KRW": ["0.5", "1.0", "12.00"], "USD": ["0.001", "1.000"], "KWD": ["0.0001", "1.0000"]}
TOO_LONG = ["1" + "0" * 15, "9" * 16, 10**15, "1" * 400, 10**30]


async def test_amount_in_an_accepted_form_is_shown_with_the_decimals_of_the_currency(home):
    for currency, amounts in SHOWN.items():
        book = await home.open_book(currency=currency)
        for amount, shown in amounts.items():
            entry = await home.record(book, amount=amount)
            assert entry["amount"] == (shown or amount)
            assert (await home.patch(path_of(entry), {"amount": amount})).json == entry
        listed = (await home.get(f"{entries_of(book)}?sort=-recorded_at")).items
        assert {entry["amount"] for entry in listed} == {shown or amount for amount, shown in amounts.items()}


async def test_amount_in_any_other_form_is_refused_with_a_sentence(home):
    for currency, too_fine in TOO_FINE.items():
        book = await home.open_book(currency=currency)
        entry = await home.record(book, amount="1")
        for amount in [*MALFORMED, *too_fine, *TOO_LONG, "0", 0, "-5", -5]:
            answer = await home.post(entries_of(book), {"kind": "expense", "amount": amount})
            assert list(answer.errors) == ["amount"], amount
            assert answer.errors["amount"].endswith(".")
            assert list((await home.patch(path_of(entry), {"amount": amount})).errors) == ["amount"]
        assert (await home.get(entries_of(book))).items == [entry]


async def test_refusal_of_an_amount_says_which_rule_it_breaks(home):
    book = await home.open_book()
    for amount, said in [
        ("0.5", "decimals"),
        (1.5, "floating-point"),
        ("0", "greater than zero"),
        ("-5", "greater than zero"),
        ("9" * 16, "15 digits"),
        (10**15, "15 digits"),
        (2**64, "15 digits"),
        (-(10**20), "15 digits"),
        ("1e3", "decimal string"),
    ]:
        errors = (await home.post(entries_of(book), {"kind": "expense", "amount": amount})).errors
        assert said in errors["amount"]


async def test_opening_balance_may_be_zero_or_negative_and_nothing_else_that_amounts_may_not(home):
    for currency, balances in [
        ("KRW", {"0": "0", "-0": "0", "-5": "-5", -5: "-5", 0: "0", "-999999999999999": "-999999999999999"}),
        ("USD", {"-12.5": "-12.50", "0.00": "0.00", "-0.01": "-0.01", "-0.00": "0.00"}),
        ("KWD", {"-0.001": "-0.001", "0.0": "0.000"}),
    ]:
        for balance, shown in balances.items():
            book = await home.open_book(currency=currency, opening_balance=balance)
            assert (book["opening_balance"], book["balance"]) == (shown, shown)
        for balance in [*MALFORMED, *TOO_FINE[currency], *TOO_LONG, "- 5", "-.5"]:
            body = {"name": "x", "currency": currency, "opening_balance": balance}
            assert list((await home.post("/books", body)).errors) == ["opening_balance"], balance
            answer = await home.patch(f"/books/{book['id']}", {"opening_balance": balance})
            assert list(answer.errors) == ["opening_balance"], balance


async def test_amount_in_a_currency_of_four_decimals_stays_within_what_can_be_kept(home):
    book = await home.open_book(currency="CLF", opening_balance="-99999999999999")
    await home.record(book, amount="99999999999.9999")
    largest = await home.record(book, amount="99999999999999", kind="income")
    for amount in ("999999999999999", "100000000000000"):
        answer = await home.post(entries_of(book), {"kind": "expense", "amount": amount})
        assert list(answer.errors) == ["amount"]
        answer = await home.patch(f"/books/{book['id']}", {"opening_balance": f"-{amount}"})
        assert list(answer.errors) == ["opening_balance"]

    assert largest["amount"] == "99999999999999.0000"
    assert (await home.get(f"/books/{book['id']}")).json["balance"] == "-99999999999.9999"
