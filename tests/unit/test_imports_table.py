"""CSV files as people, spreadsheets and banks write them."""

import csv
import io
import unicodedata
from datetime import date

import pytest
from hypothesis import given, strategies

from ledger.batch import Row
from ledger.errors import LineError
from ledger.imports.form import form_of
from ledger.imports.rows import ENTRIES_MAX, LINES_MAX, read_rows
from ledger.imports.table import RECORD_CHARS_MAX
from ledger.schemas import KINDS
from tests.given import an_id

HEADER = "kind,amount,occurred_on,category,memo,tags\n"
LINE = "expense,12000,2026-03-05,식비,점심,외식;가족\n"
ROW = Row(2, "expense", 12_000, date(2026, 3, 5), "식비", "점심", ("외식", "가족"))


def read(content, currency="KRW", **query):
    """What is found in a file, given as text or as bytes."""
    form, _ = form_of(query, "text/csv")
    file = io.BytesIO(content if isinstance(content, bytes) else content.encode())
    return [each for each in read_rows(file, form, currency) if each is not None]


def wrong(content, **query):
    """The places that are refused, with their messages; nothing else may be there."""
    found = read(content, **query)
    assert all(isinstance(each, LineError) for each in found)
    return {(each.line, each.field): each.message for each in found}


def money(content, **query):
    return [(row.kind, row.amount_minor) for row in read(content, **query)]


def test_line_of_all_columns_is_read():
    assert [ROW] == read(HEADER + LINE)


def test_columns_may_come_in_any_order_among_others_and_in_any_case():
    text = (
        "이름, Memo ,TAGS,Amount,category,KIND,balance,occurred_on\nx,점심,외식;가족,12000,식비,expense,9,2026-03-05\n"
    )
    assert [ROW] == read(text)


def test_line_of_the_least_columns_is_read():
    assert [Row(2, "income", 5, date(2026, 3, 5), None, "", ())] == read("occurred_on,amount\n2026-03-05,5\n")


def test_line_of_our_own_export_is_read_and_known_by_its_id():
    text = f"\ufeff{HEADER.strip()},id,created_at,created_by,currency\r\n"
    text += f"{LINE.strip()},{an_id(7)},2026-03-05T01:02:03Z,{an_id(1)},KRW\r\n"
    assert [Row(2, "expense", 12_000, date(2026, 3, 5), "식비", "점심", ("외식", "가족"), an_id(7))] == read(text)


@pytest.mark.parametrize("own_id", ["", "7", "2026-0001"])
def test_id_of_another_system_is_none(own_id):
    assert [ROW] == read(f"{HEADER.strip()},id\n{LINE.strip()},{own_id}\n")


def test_columns_of_a_bank_are_named_in_the_query():
    text = (
        '거래일자,적요,입금,출금,잔액\n2026.03.05 14:22:01,급여,"3,000,000",0,1\n2026.03.06 09:00:00,점심,,"12,000",1\n'
    )
    query = {
        "occurred_on": "거래일자",
        "memo": "적요",
        "income": "입금",
        "expense": "출금",
        "date_format": "YYYY.MM.DD",
    }
    assert [
        Row(2, "income", 3_000_000, date(2026, 3, 5), None, "급여", ()),
        Row(3, "expense", 12_000, date(2026, 3, 6), None, "점심", ()),
    ] == read(text, **query)


def test_sign_tells_the_kind_where_there_is_no_column_of_kinds():
    assert [("expense", 5), ("income", 7)] == money("occurred_on,amount\n2026-03-05,-5\n2026-03-05,7\n")


def test_sides_without_a_column_of_amounts_need_not_be_named():
    assert [("income", 5)] == money("occurred_on,income,expense\n2026-03-05,5,\n")
    assert [("expense", 7)] == money("occurred_on,expense\n2026-03-05,7\n")


def test_column_of_amounts_is_preferred_to_sides_that_were_not_named():
    assert [("income", 5)] == money("occurred_on,amount,income\n2026-03-05,5,9\n")
    assert [("income", 9)] == money("occurred_on,amount,income\n2026-03-05,5,9\n", income="income")


def test_titles_that_a_bank_puts_above_the_table_are_passed_over():
    above = "거래내역조회\n계좌번호,123-456\n\n"
    assert [5] == [row.line for row in read(above + HEADER + LINE)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_delimiter_and_line_ends_are_found_out(delimiter, newline):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=newline)
    writer.writerows([HEADER.strip().split(","), LINE.strip().split(",")])
    assert [ROW] == read(text.getvalue())


def test_delimiter_is_the_one_that_parts_the_titles_whatever_else_the_lines_hold():
    assert [("income", 5)] == money("memo, with commas;occurred_on;amount\n,,,,,;2026-03-05;5\n")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949"])
def test_encoding_is_found_out(encoding):
    assert [ROW] == read((HEADER + LINE).encode(encoding))


@pytest.mark.parametrize(
    ("encoding", "memo"), [("utf-8", "점심"), ("euc-kr", "점심"), ("iso-8859-15", "10 €"), ("shift_jis", "昼")]
)
def test_encoding_is_the_one_given(encoding, memo):
    text = f"occurred_on,amount,memo\n2026-03-05,5,{memo}\n"
    assert [memo] == [row.memo for row in read(text.encode(encoding), encoding=encoding)]


def test_mark_of_utf_8_is_passed_over_where_the_encoding_was_given_too():
    assert [ROW] == read((HEADER + LINE).encode("utf-8-sig"), encoding="utf-8")


def test_encoding_is_found_out_late_in_a_file_too():
    text = HEADER + "expense,1,2026-03-05,,,\n" * 5_000 + LINE
    assert "식비" == read(text.encode("cp949"))[-1].category


def test_bytes_that_are_no_text_are_refused_where_they_are():
    lines = [HEADER.encode(), LINE.encode("cp949"), b"expense,1,2026-03-05,,caf\xff,\n", LINE.encode("cp949")]
    found = read(b"".join(lines))
    assert [Row, LineError, Row] == [type(each) for each in found]
    assert (3, "memo") == found[1][:2]


def test_file_cut_within_a_character_is_refused():
    assert [(1, "")] == list(wrong((HEADER + LINE).encode("utf-16")[:-1]))[-1:]


def test_field_in_quotes_may_hold_delimiters_quotes_and_lines():
    text = HEADER + 'expense,1,2026-03-05,,"a, ""b""\r\nc",\n' + LINE
    assert [(2, 'a, "b"\nc'), (4, "점심")] == [(row.line, row.memo) for row in read(text)]


def test_empty_lines_are_passed_over_and_counted():
    assert [3, 6] == [row.line for row in read(f"{HEADER}\n{LINE},,,,,\n\n{LINE}\n")]


def test_empty_fields_after_the_last_column_are_passed_over():
    assert [ROW] == read(HEADER + LINE.strip() + ",,\n")


@pytest.mark.parametrize(("line", "count"), [("expense,1,2026-03-05", 3), ("expense,1,2026-03-05,,a,b,c", 7)])
def test_line_of_another_width_is_refused_as_a_whole(line, count):
    assert {(2, ""): f"This line has {count} fields, the header 6."} == wrong(f"{HEADER}{line}\n")


def test_line_with_a_quote_astray_is_refused_and_the_next_is_read():
    found = read(f'{HEADER}expense,1,2026-03-05,"x"y,,\n{LINE}')
    assert [(2, LineError), (3, Row)] == [(each.line, type(each)) for each in found]
    assert "This is no CSV" in found[0].message


def test_quote_that_never_ends_is_refused_where_it_begins():
    found = read(f'{HEADER}{LINE}expense,1,2026-03-05,,"x,\n{LINE}{LINE}')
    assert [(2, Row), (3, LineError)] == [(each.line, type(each)) for each in found]


def test_record_too_long_ends_the_reading():
    endless = '"' + f"{'x' * 100}\n" * 2_000
    found = read(f"{HEADER}{LINE}{endless}{LINE}")
    assert [(2, Row), (3, LineError)] == [(each.line, type(each)) for each in found]
    expected = f"This goes on for more than {RECORD_CHARS_MAX:,} characters: is a quotation mark missing?"
    assert expected == read(f"{HEADER}{'x' * (RECORD_CHARS_MAX + 1)}\n{LINE}")[0].message


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("spent,1,2026-03-05,,,", "kind"),
        ("expense,-1,2026-03-05,,,", "amount"),
        ("expense,1.5,2026-03-05,,,", "amount"),
        ("expense,1,2026-02-29,,,", "occurred_on"),
        ("expense,1,05.03.2026,,,", "occurred_on"),
        (f"expense,1,2026-03-05,{'x' * 101},,", "category"),
        (f"expense,1,2026-03-05,,{'x' * 10_001},", "memo"),
        (f"expense,1,2026-03-05,,,{'x' * 51}", "tags"),
        ("expense,1,2026-03-05,,,\x07", "tags"),
    ],
)
def test_field_that_is_not_valid_is_refused_by_line_and_name(line, field):
    assert [(3, field)] == [found[:2] for found in read(f"{HEADER}{LINE}{line}\n")[1:]]


def test_amount_in_another_currency_is_refused():
    text = f"{HEADER.strip()},currency\n{LINE.strip()},USD\n"
    assert [ROW] == read(text.replace("USD", " KRW "))
    assert {(2, "currency"): "This book is kept in KRW."} == wrong(text)


def test_every_error_of_every_line_is_told():
    text = f"{HEADER}x,y,z,,,\n{LINE}expense,0,z,,,\n"
    assert [(2, "kind"), (2, "occurred_on"), (4, "amount"), (4, "occurred_on")] == [
        each[:2] for each in read(text) if isinstance(each, LineError)
    ]


@pytest.mark.parametrize(
    ("header", "query", "missing"),
    [
        ("kind,memo", {}, {"amount", "occurred_on"}),
        ("amount", {}, {"occurred_on"}),
        ("occurred_on", {}, {"amount"}),
        ("amount,occurred_on", {"memo": "적요"}, {"memo"}),
        ("amount,occurred_on", {"income": "입금"}, {"income"}),
        ("금액,occurred_on,금액", {"amount": "금액"}, {"amount"}),
        ("2026-03-05,12000", {}, {"amount", "occurred_on"}),
    ],
)
def test_header_without_a_column_that_is_needed_is_refused_by_its_name(header, query, missing):
    assert {(1, name) for name in missing} == wrong(f"{header}\n2026-03-05,5,5\n", **query).keys()


def test_message_about_a_missing_column_says_how_to_name_it():
    expected = "There is no one column “금액”; say amount= with the title of the one meant."
    assert expected == wrong("occurred_on\n", amount="금액")[1, "amount"]


@pytest.mark.parametrize("content", ["", "\n\n", HEADER, HEADER + "\n,,,,,\n"])
def test_file_without_entries_is_refused(content):
    assert wrong(content)


def test_import_is_bounded_in_entries_and_lines():
    line = b"2026-03-05,1\n"
    entries = read(b"occurred_on,amount\n" + line * (ENTRIES_MAX + 1))
    assert ENTRIES_MAX == sum(isinstance(each, Row) for each in entries)
    assert (ENTRIES_MAX + 2, "") == entries[-1][:2]
    assert [""] == [each.field for each in read(b"occurred_on,amount\n" + b"\n" * (LINES_MAX + 1) + line)]


TEXT = strategies.text(strategies.characters(exclude_categories=["Cc", "Cs"]) | strategies.sampled_from("\n\t\",;'=|"))
ROWS = strategies.builds(
    Row,
    strategies.just(0),
    strategies.sampled_from(KINDS),
    strategies.integers(1, 10**15 - 1),
    strategies.dates(),
    strategies.none() | strategies.sampled_from(["식비", "=SUM(A1)", "a;b"]),
    TEXT,
    strategies.lists(strategies.sampled_from(["외식", "가족", "=x", "c d"]), unique=True).map(tuple),
)


@given(
    strategies.lists(ROWS, min_size=1), strategies.sampled_from(",;\t|"), strategies.sampled_from(["utf-8", "utf-16"])
)
def test_rows_written_as_csv_are_read_as_they_were(rows, delimiter, encoding):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(HEADER.strip().split(","))
    for row in rows:
        texts = [row.category or "", row.memo, ";".join(row.tags)]
        quoted = [f"'{cell}" if cell[:1] and cell.lstrip("'")[:1] in set("=+-@\t＝＋－＠") else cell for cell in texts]
        writer.writerow([row.kind, row.amount_minor, row.occurred_on, *quoted])
    assert [told(row) for row in rows] == [told(row) for row in read(text.getvalue().encode(encoding))]


def told(row):
    """A row as it is compared: without its line, its text composed."""
    return (row.kind, row.amount_minor, row.occurred_on, row.category, unicodedata.normalize("NFC", row.memo), row.tags)


@given(strategies.binary(max_size=300))
def test_file_of_any_bytes_is_read_or_refused_and_never_breaks(content):
    assert all(isinstance(each, Row | LineError) for each in read(b"occurred_on,amount,memo\n" + content))
    assert read(content)
