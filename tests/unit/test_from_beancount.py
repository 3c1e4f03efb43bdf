"""The converter of Beancount files, held to what Beancount itself makes of them."""

import csv
import importlib.util
import io
import json
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from beancount import loader

from ledger.exports.csv import from_cell, split_tags
from tests.accounting import generate_example

SCRIPT = Path(__file__).parents[2] / "examples" / "from_beancount.py"
SIGN = {"income": -1, "expense": 1}

SMALL = """
2024-01-01 open Assets:Bank
2024-01-01 open Assets:Shares  HOOL
2024-01-01 open Income:Salary
2024-01-01 open Expenses:Food:Coffee
2024-01-01 open Equity:Opening-Balances

2024-01-01 * "Opening"
  Assets:Bank               1000 USD
  Equity:Opening-Balances  -1000 USD

2024-01-25 * "Acme" "January"
  Income:Salary  -2000.00 USD
  Assets:Bank

2024-02-01 * "Café" "Two; large" #trip #q1
  Expenses:Food:Coffee  9.5 USD
  Expenses:Food:Coffee  3000 KRW @@ 2.00 USD
  Assets:Bank

2024-02-02 * "Café" "One was cold"
  Expenses:Food:Coffee  -4.50 USD
  Assets:Bank

2024-02-03 * "Shares"
  Assets:Shares  2 HOOL {100.00 USD}
  Assets:Bank
"""


@pytest.fixture(scope="module")
def from_beancount():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("from_beancount", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """Five years of a household as Beancount's own generator tells them."""
    path = tmp_path_factory.mktemp("example") / "example.beancount"
    generate_example(path, years=5)
    return path


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.beancount"
    path.write_text(SMALL, "utf-8")
    return path


def entries_in(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_household_of_five_years_keeps_what_each_account_earned_or_spent(from_beancount, example, tmp_path):
    directives, errors, _options = loader.load_file(str(example))
    expected = Counter()
    for posting in (posting for directive in directives for posting in getattr(directive, "postings", ())):
        root, _, category = posting.account.partition(":")
        if root in {"Income", "Expenses"} and posting.units.currency == "USD":
            expected[category] += posting.units.number
    converted = from_beancount.main([str(example), "--out", str(tmp_path)])
    actual = Counter()
    for entry in entries_in(tmp_path / "USD.ndjson"):
        actual[entry["category"]] += SIGN[entry["kind"]] * Decimal(entry["amount"])

    assert (0, []) == (converted, errors)
    assert ["USD.ndjson"] == [path.name for path in tmp_path.iterdir()]
    assert expected == actual
    assert len(expected) > 30


def test_household_of_five_years_comes_in_the_order_of_its_days(from_beancount, example, tmp_path):
    from_beancount.main([str(example), "--out", str(tmp_path)])
    days = [entry["occurred_on"] for entry in entries_in(tmp_path / "USD.ndjson")]

    assert sorted(days) == days
    assert ("2019", "2023") == (days[0][:4], days[-1][:4])


def test_postings_become_entries_of_the_book_in_their_currency(from_beancount, small, tmp_path):
    from_beancount.main([str(small), "--out", str(tmp_path / "made")])
    salary, coffee, refund = entries_in(tmp_path / "made" / "USD.ndjson")
    [in_won] = entries_in(tmp_path / "made" / "KRW.ndjson")

    assert coffee == {
        "kind": "expense",
        "amount": "9.50",
        "occurred_on": "2024-02-01",
        "category": "Food:Coffee",
        "memo": "Café · Two; large",
        "tags": ["q1", "trip"],
    }
    assert ("income", "2000.00", "Salary") == (salary["kind"], salary["amount"], salary["category"])
    assert ("income", "4.50", "Food:Coffee") == (refund["kind"], refund["amount"], refund["category"])
    assert ("expense", "3000", "Food:Coffee") == (in_won["kind"], in_won["amount"], in_won["category"])


def test_csv_says_the_same_as_ndjson(from_beancount, small, tmp_path):
    for form in ("csv", "ndjson"):
        from_beancount.main([str(small), "--out", str(tmp_path), "--format", form])
    rows = list(csv.DictReader(io.StringIO((tmp_path / "USD.csv").read_text("utf-8"))))
    for row in rows:
        row["tags"], row["memo"] = split_tags(from_cell(row["tags"])), from_cell(row["memo"])

    assert entries_in(tmp_path / "USD.ndjson") == rows


def test_file_with_an_error_is_refused_and_nothing_is_written(from_beancount, tmp_path, capsys):
    path = tmp_path / "bad.beancount"
    path.write_text('2024-01-25 * "x"\n  Income:Salary  -2000.00 USD\n  Assets:Bank\n')
    done = from_beancount.main([str(path), "--out", str(tmp_path / "made")])

    assert (1, False) == (done, (tmp_path / "made").exists())
    assert "Invalid reference to unknown account" in capsys.readouterr().err


def test_help_explains_the_mapping():
    done = subprocess.run(
        [sys.executable, SCRIPT, "--help"],
        check=True,
        capture_output=True,
        env={"PYTHONPATH": str(SCRIPT.parents[1]), "PYTHONUTF8": "1"},
        text=True,
    )

    assert "one per currency" in done.stdout
    assert "--format {ndjson,csv}" in done.stdout
