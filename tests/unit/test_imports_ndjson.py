"""NDJSON files: an entry per line, under the rules of every body."""

import io
import json
from datetime import date

import orjson
import pytest
from hypothesis import given, strategies

from ledger.batch import Row
from ledger.errors import LineError
from ledger.imports.form import Form
from ledger.imports.ndjson import LINE_BYTES_MAX
from ledger.imports.rows import read_rows
from tests.given import an_id

ENTRY = {"kind": "expense", "amount": "12000", "occurred_on": "2026-03-05"}
ROW = Row(1, "expense", 12_000, date(2026, 3, 5), None, "", ())


def read(*lines, currency="KRW"):
    """What is found in these lines, each an object or bytes as they are."""
    content = b"\n".join(line if isinstance(line, bytes) else orjson.dumps(line) for line in lines)
    found = read_rows(io.BytesIO(content), Form("ndjson", {}), currency)
    return [each for each in found if each is not None]


def wrong(*lines):
    """The fields that are refused, with their messages."""
    found = read(*lines)
    assert all(isinstance(each, LineError) for each in found)
    return {each.field: each.message for each in found}


def test_entry_with_the_least_is_read():
    assert [ROW] == read(ENTRY)


def test_entry_with_everything_is_read():
    entry = ENTRY | {"amount": 12_000, "category": " 식비 ", "memo": "점심\n둘", "tags": ["외식", " 가족 "]}
    assert [Row(1, "expense", 12_000, date(2026, 3, 5), "식비", "점심\n둘", ("외식", "가족"))] == read(entry)


@pytest.mark.parametrize("tags", [["a", "b"], "a;b", "a; b;", '"a";b'])
def test_tags_are_a_list_or_one_text(tags):
    assert [("a", "b")] == [row.tags for row in read(ENTRY | {"tags": tags})]


def test_line_of_our_own_export_is_read_and_known_by_its_id():
    own = {
        "id": str(an_id(7)),
        "created_at": "2026-03-05T01:02:03Z",
        "created_by": None,
        "currency": "KRW",
        "transfer": None,
    }
    assert [Row(1, "expense", 12_000, date(2026, 3, 5), None, "", (), an_id(7))] == read(ENTRY | own)


@pytest.mark.parametrize("own_id", ["7", 7, None, "", ["x"]])
def test_id_of_another_system_is_none(own_id):
    assert [ROW] == read(ENTRY | {"id": own_id})


def test_empty_lines_are_passed_over_and_counted():
    assert [1, 4] == [row.line for row in read(ENTRY, b"", b"  \r", ENTRY, b"")]


def test_byte_order_mark_is_passed_over():
    assert [ROW] == read(b"\xef\xbb\xbf" + orjson.dumps(ENTRY))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"category_id": str(an_id(1))}, "category_id"),
        ({"kind": "transfer"}, "kind"),
        ({"kind": None}, "kind"),
        ({"kind": ["expense"]}, "kind"),
        ({"amount": 12.0}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": "12,000"}, "amount"),
        ({"amount": "12.5"}, "amount"),
        ({"amount": "0"}, "amount"),
        ({"amount": "-5"}, "amount"),
        ({"occurred_on": None}, "occurred_on"),
        ({"occurred_on": "2026-02-29"}, "occurred_on"),
        ({"occurred_on": " 2026-03-05"}, "occurred_on"),
        ({"occurred_on": 20260305}, "occurred_on"),
        ({"category": ""}, "category"),
        ({"category": "x" * 101}, "category"),
        ({"category": {"name": "식비"}}, "category"),
        ({"memo": None}, "memo"),
        ({"memo": "a\x00b"}, "memo"),
        ({"memo": "x" * 10_001}, "memo"),
        ({"tags": None}, "tags"),
        ({"tags": ["x" * 51]}, "tags"),
        ({"tags": [["a"]]}, "tags"),
        ({"tags": {"a": 1}}, "tags"),
        ({"currency": "USD"}, "currency"),
    ],
)
def test_field_that_a_body_may_not_have_is_refused_by_name(change, field):
    assert [field] == list(wrong(ENTRY | change))


def test_equal_value_of_another_type_is_refused_though_the_right_one_was_just_read():
    found = read(ENTRY | {"amount": 1}, ENTRY | {"amount": 1.0}, ENTRY | {"amount": True}, ENTRY | {"amount": 1})
    assert [Row, LineError, LineError, Row] == [type(each) for each in found]


@pytest.mark.parametrize("missing", sorted(ENTRY))
def test_field_that_is_missing_is_named(missing):
    rest = {name: value for name, value in ENTRY.items() if name != missing}
    assert {missing: "Missing data for required field."} == wrong(rest)


@pytest.mark.parametrize("line", [b"{", b'{"kind": "expense",}', b"\xff", b"NaN", b"kind,amount"])
def test_line_that_is_no_json_is_refused_as_a_whole(line):
    assert [""] == list(wrong(line))
    assert "This line is no JSON" in wrong(line)[""]


@pytest.mark.parametrize("line", [b"[]", b"null", b"5", b'"text"'])
def test_line_that_is_no_object_is_refused_as_a_whole(line):
    assert {"": "Invalid input type."} == wrong(line)


def test_every_error_of_every_line_is_told_in_order():
    found = read({"kind": "x", "amount": 1.5}, ENTRY, b"{", ENTRY | {"amount": "x", "memo": 5})
    places = [(each.line, each.field if isinstance(each, LineError) else None) for each in found]
    assert {(1, "kind"), (1, "amount"), (1, "occurred_on"), (2, None), (3, ""), (4, "memo")} == set(places)
    assert sorted(place[0] for place in places) == [place[0] for place in places]


def test_line_too_long_ends_the_reading():
    long = b'{"memo": "' + b"x" * LINE_BYTES_MAX + b'"}'
    assert [LineError(2, "", "This line is longer than 262,144 bytes.")] == read(ENTRY, long, ENTRY)[1:]


def test_longest_entry_fits_a_line_with_every_character_escaped():
    memo, tags = "😀" * 10_000, ["😀" * 48 + f"{n:02}" for n in range(20)]
    escaped = json.dumps(ENTRY | {"memo": memo, "tags": tags}).encode()
    assert [(memo, tuple(tags))] == [(row.memo, row.tags) for row in read(escaped)]


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_file_without_entries_is_refused(content):
    assert [LineError(1, "", "There are no entries in this file.")] == read(content)


PLAIN = strategies.none() | strategies.booleans() | strategies.integers(-5, 5) | strategies.floats() | strategies.text()
NAMES = strategies.sampled_from([*ENTRY, "memo", "tags", "category", "id", "currency", "x"])


@given(strategies.recursive(PLAIN, lambda inner: strategies.lists(inner) | strategies.dictionaries(NAMES, inner)))
def test_line_of_any_json_is_read_or_refused_and_never_breaks(body):
    assert all(isinstance(each, Row | LineError) for each in read(body))
