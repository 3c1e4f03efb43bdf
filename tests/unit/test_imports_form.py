"""The form of an uploaded file, as the request tells it."""

import pytest
from marshmallow import ValidationError

from ledger.imports.form import Form, form_of
from ledger.problems import field_errors


def refusal(query, content_type="text/csv"):
    """The parameters that are refused."""
    with pytest.raises(ValidationError) as caught:
        form_of(query, content_type)
    return {error["field"] for error in field_errors(caught.value)}


@pytest.mark.parametrize(
    ("query", "content_type", "expected"),
    [
        ({}, "text/csv", "csv"),
        ({}, "application/x-ndjson", "ndjson"),
        ({"format": "csv"}, "application/octet-stream", "csv"),
        ({"format": "ndjson"}, "text/csv", "ndjson"),
    ],
)
def test_format_is_told_by_the_query_or_else_by_the_type(query, content_type, expected):
    assert (Form(expected, {}), False) == form_of(query, content_type)


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream", "application/json"])
def test_format_told_by_neither_is_refused(content_type):
    assert {"format"} == refusal({}, content_type)


@pytest.mark.parametrize(("text", "dry_run"), [("true", True), ("1", True), ("", True), ("false", False), ("0", False)])
def test_dry_run_is_yes_or_no(text, dry_run):
    assert dry_run is form_of({"dry_run": text}, "text/csv")[1]


def test_columns_dates_decimals_and_encoding_are_told_by_the_query():
    query = {
        "amount": "금액",
        "occurred_on": "거래일자",
        "date_format": "YYYY.MM.DD",
        "decimal": ",",
        "encoding": "cp949",
    }
    expected = Form("csv", {"amount": "금액", "occurred_on": "거래일자"}, "YYYY.MM.DD", ",", "cp949")
    assert (expected, False) == form_of(query, "text/csv")


@pytest.mark.parametrize(
    "query",
    [
        {"format": "xlsx"},
        {"dry_run": "perhaps"},
        {"date_format": "YYYY-DD-MM"},
        {"decimal": ";"},
        {"encoding": "rot13"},
        {"amount": ""},
        {"memo": "x" * 201},
    ],
)
def test_parameter_of_another_value_is_refused(query):
    assert set(query) == refusal(query)


def test_unknown_parameter_is_ignored_as_in_every_query():
    assert (Form("csv", {}), False) == form_of({"colour": "red"}, "text/csv")


def test_columns_of_both_sides_leave_no_room_for_kind_and_amount():
    assert {"amount", "kind"} == refusal({"income": "입금", "amount": "금액", "kind": "구분"})
    assert {"amount"} == refusal({"expense": "출금", "amount": "금액"})


@pytest.mark.parametrize("name", ["amount", "memo", "income", "date_format", "decimal", "encoding"])
def test_parameter_of_csv_is_refused_with_another_format(name):
    value = {"date_format": "YYYYMMDD", "decimal": ".", "encoding": "utf-8"}.get(name, "x")
    assert {name} == refusal({"format": "ndjson", name: value})


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [
        ("utf-8", "utf-8"),
        ("UTF8", "utf-8"),
        ("Shift_JIS", "shift_jis"),
        ("sjis", "shift_jis"),
        ("ms949", "cp949"),
        ("KS_C_5601-1987", "euc-kr"),
        ("latin1", "iso-8859-1"),
        ("cp1252", "windows-1252"),
    ],
)
def test_charset_of_the_type_is_the_encoding_by_any_of_its_names(charset, encoding):
    assert (Form("csv", {}, encoding=encoding), False) == form_of({}, "text/csv", charset)


def test_encoding_of_the_query_wins_over_the_charset_of_the_type():
    expected = (Form("csv", {}, encoding="cp949"), False)
    assert expected == form_of({"encoding": "cp949"}, "text/csv", "utf-8")
    assert expected == form_of({"encoding": "cp949"}, "text/csv", "klingon")


@pytest.mark.parametrize("charset", ["klingon", "rot13", "", "utf-7", "\udcff"])
def test_charset_that_is_not_read_is_refused(charset):
    with pytest.raises(ValidationError, match="charset is one of utf-8, utf-16, cp949"):
        form_of({}, "text/csv", charset)


def test_ndjson_is_utf8_whatever_else_its_type_says():
    assert (Form("ndjson", {}), False) == form_of({}, "application/x-ndjson", "utf-8")
    with pytest.raises(ValidationError, match=r"charset is one of utf-8\."):
        form_of({}, "application/x-ndjson", "euc-kr")
