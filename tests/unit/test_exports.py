"""Export files, judged by those who read them: spreadsheets, hledger, Beancount and our own import."""

import csv
import io
import string
from datetime import UTC, date, datetime
from decimal import Decimal

import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ledger.exports import Head
from ledger.exports.beancount import BeancountExport
from ledger.exports.csv import COLUMNS, CsvExport, from_cell, join_tags, split_tags, to_cell
from ledger.exports.hledger import HledgerExport, one_line
from ledger.exports.ndjson import NdjsonExport
from ledger.money import decimals_of
from tests.accounting import beancount_balances, hledger, hledger_balances, install_hledger, totals_of
from tests.given import an_id

FORMATS = (CsvExport, NdjsonExport, HledgerExport, BeancountExport)
NASTY = (
    *("", " ", ";", "a;b", 'a"b', "a\\", "a\nb", "a\tb", "a  b", "'=1", "=1+1", "-5", "@x", "(code) x", "* x", "! x"),
    *("a|b", "a:b", ":", "::", "a::b", "#tag", "^link", "{x}", "[2020-01-01]", "date:2020-01-01", "%x", "a,b", "end"),
    *("comment", "\u3000x\u3000\u3000y", "\u00a0", "\u2028", "식비", "식비/외식", "😀", "é", "Ⅷ", "हिन्दी", "~x", "1 2"),
    *("X", "X 식비", "Uncategorized", "a--0123456789", "\n" * 70 + "x", "$1", "=", "a = b", "a @ b", "!", "equity"),
)


def an_entry(number=1, **fields):
    """12,000 won spent on food on 2026-02-17, unless said otherwise."""
    return {
        "id": str(an_id(number)),
        "book_id": str(an_id(0)),
        "kind": "expense",
        "amount": "12000",
        "currency": "KRW",
        "occurred_on": date(2026, 2, 17),
        "category": {"id": an_id(9), "name": "식비", "kind": "expense", "deleted": False},
        "memo": "점심",
        "tags": ["외식", "lunch"],
        "created_by": str(an_id(5)),
        "created_at": datetime(2026, 2, 18, 1, 2, 3, 456789, tzinfo=UTC),
        "transfer": None,
        **fields,
    }


def named(name):
    return {"id": an_id(9), "name": name, "kind": "expense", "deleted": False}


def a_transfer(direction, **fields):
    transfer = {"id": str(an_id(7)), "direction": direction, "book_id": str(an_id(8)), "entry_id": str(an_id(6))}
    return an_entry(kind="transfer", category=None, transfer=transfer, **fields)


def a_head(**fields):
    return Head(
        **{"name": "우리집", "currency": "KRW", "opening_balance": "0", "opened_on": date(2026, 1, 1), **fields}
    )


def exported(export_type, *entries, **head):
    export = export_type(a_head(**head))
    return (export.begin() + export.write(entries)).decode()


def sums(entries, opening_balance="0"):
    """The service's totals of entries."""
    change = {"income": Decimal(0), "expense": Decimal(0), "transfer_in": Decimal(0), "transfer_out": Decimal(0)}
    for entry in entries:
        kind = f"transfer_{entry['transfer']['direction']}" if entry["transfer"] else entry["kind"]
        change[kind] += Decimal(entry["amount"])
    income, expense, moved_in, moved_out = change.values()
    balance = Decimal(opening_balance) + income - expense + moved_in - moved_out
    return {"income": income, "expense": expense, "balance": balance}


texts = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n"), max_size=30),
    st.text(";:\"'\\=-@#^*!()[]{}|,.~%& \t\nA0a식", max_size=12),
)
names = texts.map(str.strip).filter(bool)
tags = st.lists(names, max_size=3, unique_by=str.casefold)


@st.composite
def books(draw):
    """A head and its entries, in the order of their days."""
    currency = draw(st.sampled_from(["KRW", "USD", "KWD", "CLF"]))
    decimals = decimals_of(currency)
    amounts = st.integers(1, 10**14).map(lambda minor: f"{Decimal(minor).scaleb(-decimals):.{decimals}f}")
    balance = f"{Decimal(draw(st.integers(-(10**14), 10**14))).scaleb(-decimals):.{decimals}f}"
    days = sorted(draw(st.lists(st.dates(), min_size=1, max_size=6)))
    makers = st.sampled_from([an_entry, lambda **f: a_transfer("in", **f), lambda **f: a_transfer("out", **f)])
    entries = []
    for number, day in enumerate(days):
        fields = {"number": number, "currency": currency, "amount": draw(amounts), "occurred_on": day}
        entry = draw(makers)(**fields, memo=draw(texts), tags=draw(tags))
        if entry["kind"] != "transfer":
            entry["kind"] = draw(st.sampled_from(["income", "expense"]))
            entry["category"] = draw(st.none() | names.map(named))
        entries.append(entry)
    return a_head(name=draw(names), currency=currency, opening_balance=balance, opened_on=days[0]), entries


def written(export_type, head, entries):
    export = export_type(head)
    return (export.begin() + export.write(entries)).decode()


@pytest.mark.parametrize("export_type", FORMATS)
@given(books(), st.integers(0, 6))
def test_export_in_pieces_is_the_same_file(export_type, book, cut):
    head, entries = book
    export = export_type(head)
    in_pieces = export.begin() + export.write(entries[:cut]) + export.write(iter(entries[cut:]))

    assert written(export_type, head, entries) == in_pieces.decode()


# ── CSV ──


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_csv_has_the_columns_of_the_import_and_then_its_own():
    [row] = rows_of(exported(CsvExport, an_entry()))

    assert COLUMNS == tuple(row)
    assert row == {
        "kind": "expense",
        "amount": "12000",
        "occurred_on": "2026-02-17",
        "category": "식비",
        "memo": "점심",
        "tags": "외식;lunch",
        "id": str(an_id(1)),
        "created_at": "2026-02-18T01:02:03.456789Z",
        "created_by": str(an_id(5)),
    }


def test_csv_begins_with_a_byte_order_mark_and_ends_lines_as_rfc_4180_does():
    export = CsvExport(a_head())

    assert ("\ufeff" + ",".join(COLUMNS) + "\r\n").encode() == export.begin()
    assert b"\r\n" == export.write([an_entry()])[-2:]


def test_csv_of_an_erased_book_has_empty_cells():
    [row] = rows_of(exported(CsvExport, an_entry(memo=None, tags=None, category=named(None))))

    assert ("", "", "") == (row["memo"], row["tags"], row["category"])


def test_csv_names_the_direction_of_a_transfer():
    kinds = [row["kind"] for row in rows_of(exported(CsvExport, a_transfer("in"), a_transfer("out")))]

    assert ["transfer_in", "transfer_out"] == kinds


@given(texts, texts.map(str.strip), tags)
def test_csv_read_back_has_the_texts_as_they_were(memo, category, tags):
    [row] = rows_of(exported(CsvExport, an_entry(memo=memo, tags=tags, category=named(category))))

    assert (memo, category, tags) == (
        from_cell(row["memo"]),
        from_cell(row["category"]),
        split_tags(from_cell(row["tags"])),
    )


@given(texts)
def test_csv_cell_never_begins_a_formula(text):
    assert to_cell(text)[:1] not in set("=+-@\t＝＋－＠")


@pytest.mark.parametrize("text", ["=1+1", "-5", "'=1", "''=1", "'quoted'", "plain", "", "'"])
def test_csv_cell_is_undone_exactly(text):
    assert text == from_cell(to_cell(text))


def test_csv_tags_are_quoted_only_where_they_must_be():
    assert "외식;lunch" == join_tags(["외식", "lunch"])
    assert '"a;b";c' == join_tags(["a;b", "c"])
    assert ['5" disk', "x"] == split_tags('5" disk;x')


# ── NDJSON ──


def test_ndjson_has_an_entry_per_line_in_import_form():
    text = exported(NdjsonExport, an_entry(), a_transfer("in", number=2))
    first, second = map(orjson.loads, text.splitlines())

    assert first == {
        "kind": "expense",
        "amount": "12000",
        "occurred_on": "2026-02-17",
        "category": "식비",
        "memo": "점심",
        "tags": ["외식", "lunch"],
        "id": str(an_id(1)),
        "created_at": "2026-02-18T01:02:03.456789Z",
        "created_by": str(an_id(5)),
        "currency": "KRW",
        "transfer": None,
    }
    assert ("transfer", "in", None) == (second["kind"], second["transfer"]["direction"], second["category"])


@given(texts, tags)
def test_ndjson_read_back_has_the_texts_as_they_were(memo, tags):
    [line] = exported(NdjsonExport, an_entry(memo=memo, tags=tags)).split("\n")[:-1]

    assert (memo, tags) == (orjson.loads(line)["memo"], orjson.loads(line)["tags"])


# ── Beancount ──


def test_beancount_file_reads_as_a_person_would_write_it():
    text = exported(BeancountExport, an_entry(memo='the "best"'), opening_balance="1000")

    assert (
        text
        == """option "title" "우리집"
option "operating_currency" "KRW"

2026-01-01 open Assets:X-우리집 KRW
  name: "우리집"

2026-01-01 open Equity:Opening-Balances KRW

2026-01-01 * "Opening balance"
  Assets:X-우리집  1000 KRW
  Equity:Opening-Balances  -1000 KRW

2026-02-17 open Expenses:X-식비 KRW
  name: "식비"

2026-02-17 * "the \\"best\\"" #lunch
  id: "00000000-0000-0000-0000-000000000001"
  tags: "외식"
  Assets:X-우리집  -12000 KRW
  Expenses:X-식비  12000 KRW
"""
    )


def test_beancount_transfer_links_its_sides_and_counts_in_the_balance_alone():
    out = a_transfer("out", amount="300", tags=[])
    balances, [transaction] = beancount_balances(exported(BeancountExport, out))

    assert {"Assets:X-우리집": Decimal(-300), "Equity:Transfers": Decimal(300)} == balances
    assert {str(an_id(7))} == transaction.links


def test_beancount_refund_is_counted_by_its_own_kind():
    balances, _ = beancount_balances(exported(BeancountExport, an_entry(kind="income")))

    assert {"Assets:X-우리집": Decimal(12000), "Income:X-식비": Decimal(-12000)} == balances


@given(books())
def test_beancount_file_loads_with_the_same_totals_and_texts(book):
    head, entries = book
    balances, transactions = beancount_balances(written(BeancountExport, head, entries))
    recorded = {one.meta["id"]: one for one in transactions if "id" in one.meta}

    assert sums(entries, head.opening_balance) == totals_of(balances)
    assert {entry["id"]: entry["memo"] for entry in entries} == {key: one.narration for key, one in recorded.items()}
    for entry in entries:
        one = recorded[entry["id"]]
        assert {*entry["tags"]} == {*one.tags, *split_tags(one.meta.get("tags", ""))}


# ── hledger ──


def test_hledger_journal_reads_as_a_person_would_write_it():
    text = exported(HledgerExport, an_entry(memo="점심; 둘이\n서"), opening_balance="1000")

    assert (
        text
        == """; 우리집
decimal-mark .
commodity 1000. KRW

account assets:우리집

account equity:opening-balances

2026-01-01 * opening balance
  assets:우리집  1000 KRW
  equity:opening-balances  -1000 KRW

account expenses:식비

2026-02-17 * (00000000-0000-0000-0000-000000000001) 점심； 둘이 서
  ; tags:외식, tags:lunch
  assets:우리집  -12000 KRW
  expenses:식비  12000 KRW
"""
    )


@pytest.fixture(scope="session")
def with_hledger():
    install_hledger()


@pytest.mark.usefixtures("with_hledger")
@settings(max_examples=40, deadline=None)
@given(books())
def test_hledger_accepts_the_journal_with_the_same_totals(book):
    head, entries = book
    balances = hledger_balances(written(HledgerExport, head, entries))

    assert sums(entries, head.opening_balance) == totals_of(balances, ("income", "expenses", "assets"))


@pytest.mark.usefixtures("with_hledger")
def test_hledger_accepts_every_nasty_text_in_every_place():
    entries = [
        an_entry(number, memo=text, tags=[text] if text.strip() else [], category=named(text.strip() or "x"))
        for number, text in enumerate(NASTY)
    ]
    text = exported(HledgerExport, *entries, name="a  b;c")
    read = {one["tcode"]: one for one in orjson.loads(hledger("print -O json", text))}

    assert sums(entries) == totals_of(hledger_balances(text), ("income", "expenses", "assets"))
    for entry in entries:
        one = read[entry["id"]]
        assert one_line(entry["memo"]) == one["tdescription"]
        assert [["tags", one_line(tag).replace(",", "，")] for tag in entry["tags"]] == one["ttags"]


# ── accounts ──


@pytest.mark.parametrize("export_type", [HledgerExport, BeancountExport])
@given(st.lists(names, min_size=2, max_size=8, unique=True))
def test_accounts_of_different_names_are_different(export_type, names):
    entries = [an_entry(number, category=named(name)) for number, name in enumerate([*names, None])]
    text = exported(export_type, *entries)
    used = [line.rsplit("  ", 1)[0] for line in text.splitlines() if line.strip().lower().startswith("expenses:")]

    assert len(entries) == len(set(used))


@given(st.lists(names, max_size=4))
def test_accounts_are_named_alike_whatever_else_the_book_holds(others):
    def account(*names):
        text = exported(BeancountExport, *(an_entry(category=named(name)) for name in names))
        return text.splitlines()[-1].strip().split("  ")[0]

    assume("식비/외식" not in others)
    assert account("식비/외식") == account(*others, "식비/외식")


@pytest.mark.parametrize(
    ("name", "account"),
    [
        ("식비", "Expenses:X-식비"),
        ("Food", "Expenses:Food"),
        ("food", "Expenses:X-food"),
        ("Household goods", "Expenses:Household-goods"),
        ("Food:Groceries", "Expenses:Food:Groceries"),
        ("2차", "Expenses:2차"),
        ("Food & drink", "Expenses:Food-drink--"),
        ("Household-goods", "Expenses:Household-goods--"),
        ("X 식비", "Expenses:X-식비--"),
        ("Uncategorized", "Expenses:Uncategorized--"),
        ("😀", "Expenses:X--"),
        (None, "Expenses:Uncategorized"),
    ],
)
def test_beancount_account_stays_readable(name, account):
    text = exported(BeancountExport, an_entry(category=name and named(name)))
    written = text.splitlines()[-1].strip().split("  ")[0]

    made = account.endswith("--")
    assert account == (written[:-10] if made else written)
    assert not made or set(written[-10:]) <= set(string.hexdigits)
