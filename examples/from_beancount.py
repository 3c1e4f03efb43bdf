"""Turn a Beancount file into files that the service imports, one per currency.

A book is what the household earns and spends in one currency. Every posting on an income or expense account in an
ISO 4217 currency becomes an entry of the book in that currency: dated like its transaction, its category the account's
name below the root (Expenses:Food:Coffee is Food:Coffee), its memo payee and narration, its tags those of the
transaction. What comes in is an income and what goes out an expense, so a refund, which is a negative expense, becomes
an income under the same category. Amounts are rounded to the decimals of their currency.

Left out are postings on assets, liabilities and equity: what moves between them neither earns nor spends, and so what
came before the file (its opening balances) is for the book's own opening_balance. So are commodities that are no
currency, such as shares and hours of leave.

Needs Beancount: pip install beancount
"""

import argparse
import csv
import io
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from beancount import loader
from beancount.core.data import Posting, Transaction

from ledger.exports.csv import join_tags, to_cell
from ledger.money import decimals_of, is_currency

Entry = dict[str, Any]

FIELDS = ("kind", "amount", "occurred_on", "category", "memo", "tags")


class ConversionError(Exception):
    """Something that ends the conversion and that its user should read."""


def load(path: Path) -> tuple[list[Transaction], tuple[str, str]]:
    """Read a file with Beancount itself. Returns: its transactions, and its names for income and expenses."""
    directives, errors, options = loader.load_file(str(path))
    if errors:
        first = errors[0]
        raise ConversionError(f"{path}: {first.source.get('lineno')}: {first.message} ({len(errors)} errors in all)")
    transactions = [directive for directive in directives if isinstance(directive, Transaction)]
    return transactions, (options["name_income"], options["name_expenses"])


def convert(transactions: Iterable[Transaction], roots: tuple[str, str]) -> dict[str, list[Entry]]:
    """Make the entries of each currency, in the order of the file's days."""
    books: dict[str, list[Entry]] = defaultdict(list)
    for transaction in transactions:
        for posting, category in categorized(transaction, roots):
            amount = rounded(posting)
            if amount:
                books[posting.units.currency].append(entry_of(transaction, category, amount))
    return dict(books)


def categorized(transaction: Transaction, roots: tuple[str, str]) -> Iterator[tuple[Posting, str]]:
    """The postings that earn or spend, each with its category."""
    for posting in transaction.postings:
        root, _, category = posting.account.partition(":")
        if root in roots and is_currency(posting.units.currency):
            yield posting, category


def rounded(posting: Posting) -> Decimal:
    """What a posting counts, in the decimals of its currency; half a unit goes to the even one."""
    number: Decimal = posting.units.number
    return round(number, decimals_of(posting.units.currency)) if number else Decimal(0)


def entry_of(transaction: Transaction, category: str, amount: Decimal) -> Entry:
    """Beancount counts what is spent as positive, and what is earned as negative."""
    return {
        "kind": "expense" if amount > 0 else "income",
        "amount": f"{abs(amount):f}",
        "occurred_on": transaction.date.isoformat(),
        "category": category,
        "memo": " · ".join(text for text in (transaction.payee, transaction.narration) if text),
        "tags": sorted(transaction.tags),
    }


def to_ndjson(entries: Iterable[Entry]) -> str:
    return "".join(f"{json.dumps(entry, ensure_ascii=False)}\n" for entry in entries)


def to_csv(entries: Iterable[Entry]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS)
    writer.writeheader()
    for entry in entries:
        texts = {"category": entry["category"], "memo": entry["memo"], "tags": join_tags(entry["tags"])}
        writer.writerow({**entry, **{name: to_cell(value) for name, value in texts.items()}})
    return text.getvalue()


WRITERS = {"ndjson": to_ndjson, "csv": to_csv}


def summary(currency: str, entries: list[Entry], path: Path) -> str:
    sums = {"income": Decimal(0), "expense": Decimal(0)}
    for entry in entries:
        sums[entry["kind"]] += Decimal(entry["amount"])
    return f"{path}: {len(entries)} entries, {currency} income {sums['income']}, expense {sums['expense']}"


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="the Beancount file")
    parser.add_argument(
        "--out", type=Path, default=Path(), help="the folder for the files, one per currency (default: here)"
    )
    parser.add_argument("--format", choices=WRITERS, default="ndjson", help="what to write (default: %(default)s)")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    options = arguments(words)
    try:
        books = convert(*load(options.file))
    except ConversionError as error:
        print(error, file=sys.stderr)
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    for currency, entries in sorted(books.items()):
        path = options.out / f"{currency}.{options.format}"
        path.write_text(WRITERS[options.format](entries), "utf-8", newline="")
        print(summary(currency, entries, path))
    return 0


if __name__ == "__main__":
    sys.exit(main())
