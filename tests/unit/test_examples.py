"""The example household: made the same everywhere, and true to its own sums."""

import json
import subprocess
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples"
HOUSEHOLD = json.loads((FOLDER / "household.json").read_text("utf-8"))
SIGN = {"income": 1, "expense": -1}


def sums(entries):
    income, expense = (
        sum((Decimal(entry["amount"]) for entry in entries if entry["kind"] == kind), Decimal(0)) for kind in SIGN
    )
    return {"income": income, "expense": expense, "total": income - expense}


def as_decimals(record, figures):
    return {figure: Decimal(record[figure]) for figure in figures}


def by_month(entries):
    months = defaultdict(list)
    for entry in entries:
        months[entry["occurred_on"][:7]].append(entry)
    return months


@pytest.fixture(params=HOUSEHOLD["books"], ids=lambda book: book["currency"])
def book(request):
    return request.param


def test_household_made_again_has_the_committed_bytes():
    script = "import sys, household; sys.stdout.buffer.write(household.household_bytes())"
    made = subprocess.run([sys.executable, "-c", script], cwd=FOLDER, check=True, capture_output=True).stdout

    assert (FOLDER / "household.json").read_bytes() == made


def test_household_is_a_year_of_more_than_a_thousand_entries_in_two_books():
    entries = [entry for book in HOUSEHOLD["books"] for entry in book["entries"]]
    dates = [entry["occurred_on"] for entry in entries]

    assert [book["currency"] for book in HOUSEHOLD["books"]] == ["KRW", "USD"]
    assert len(entries) > 1000
    assert (HOUSEHOLD["from"], HOUSEHOLD["to"]) == (min(dates), max(dates))


def test_household_salaries_come_on_the_25th():
    salaries = [entry for book in HOUSEHOLD["books"] for entry in book["entries"] if entry["category"] == "급여"]

    assert len(salaries) == 24
    assert {"25"} == {salary["occurred_on"][-2:] for salary in salaries}


def test_book_amounts_are_written_as_the_api_answers_them(book):
    decimals = {"KRW": 0, "USD": -2}[book["currency"]]
    amounts = [Decimal(entry["amount"]) for entry in book["entries"]]

    assert {decimals} == {amount.as_tuple().exponent for amount in amounts}
    assert min(amounts) > 0


def test_book_months_are_the_sums_of_its_entries(book):
    counted = {key: sums(month) | {"count": len(month)} for key, month in by_month(book["entries"]).items()}
    expected = {month["key"]: as_decimals(month, [*sums([]), "count"]) for month in book["expected"]["months"]}

    assert expected == counted


def test_book_balance_is_its_opening_balance_and_all_entries(book):
    net = sum(SIGN[entry["kind"]] * Decimal(entry["amount"]) for entry in book["entries"])
    counted = sums(book["entries"]) | {"balance": Decimal(book["opening_balance"]) + net}

    assert as_decimals(book["expected"], counted) == counted
    assert book["expected"]["entry_count"] == len(book["entries"])


def test_wallet_has_the_figures_of_each_book(book):
    [wallet] = [wallet for wallet in HOUSEHOLD["wallets"] if wallet["currency"] == book["currency"]]

    assert {"currency": book["currency"]} | {
        key: book["expected"][key] for key in wallet if key != "currency"
    } == wallet
