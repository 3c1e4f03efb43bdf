"""What clients may send: both sides of every limit."""

from datetime import date
from uuid import UUID

import pytest
from marshmallow import ValidationError

from ledger import schemas
from ledger.problems import field_errors
from tests.given import an_id

BOOK = {"name": "Home"}
ENTRY = {"kind": "expense", "amount": "1"}
CONTROLS = ["\x00", "\x08", "\x0b", "\x0c", "\r", "\x1f", "\x7f", "\x85", "\x9f"]


def refusal(schema, body):
    """The fields that are refused, each with its message."""
    with pytest.raises(ValidationError) as caught:
        schema.load(body)
    return {error["field"]: error["message"] for error in field_errors(caught.value)}


def test_book_opened_with_a_name_alone_has_defaults():
    expected = {"name": "Home", "currency": "KRW", "description": "", "opening_balance": "0"}
    assert expected == schemas.OpenBook().load(BOOK)


def test_entry_recorded_with_the_least_has_defaults():
    defaults = {"occurred_on": None, "category_id": None, "memo": "", "tags": []}
    assert ENTRY | defaults == schemas.RecordEntry().load(ENTRY)


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        (schemas.OpenBook(), BOOK),
        (schemas.AmendBook(), {}),
        (schemas.AddCategory(), {"name": "Food", "kind": "expense"}),
        (schemas.RenameCategory(), {"name": "Food"}),
        (schemas.RecordEntry(), ENTRY),
        (schemas.AmendEntry(), {}),
        (schemas.DuplicateEntry(), {}),
        (schemas.Nothing(), {}),
    ],
)
def test_body_with_an_unknown_field_is_refused(schema, body):
    schema.load(body)
    assert {"colour": "Unknown field."} == refusal(schema, body | {"colour": "red"})


@pytest.mark.parametrize(
    ("schema", "missing"),
    [
        (schemas.OpenBook(), {"name"}),
        (schemas.AddCategory(), {"name", "kind"}),
        (schemas.RenameCategory(), {"name"}),
        (schemas.RecordEntry(), {"kind", "amount"}),
    ],
)
def test_body_without_a_required_field_is_refused(schema, missing):
    assert missing == refusal(schema, {}).keys()


@pytest.mark.parametrize("body", [None, [], "text", 5, True])
def test_body_that_is_no_object_is_refused(body):
    assert {"": "Invalid input type."} == refusal(schemas.OpenBook(), body)


@pytest.mark.parametrize("name", ["x", "x" * 100, "가" * 100, "👪" * 100, f"  {'x' * 100}\n"])
def test_name_of_1_to_100_characters_is_accepted_trimmed(name):
    assert name.strip() == schemas.OpenBook().load({"name": name})["name"]


@pytest.mark.parametrize("name", ["", "   ", "\t\n", "x" * 101])
def test_name_of_another_length_is_refused(name):
    assert {"name": "Length must be between 1 and 100 characters."} == refusal(schemas.OpenBook(), {"name": name})


@pytest.mark.parametrize("name", [None, 5, ["x"], {}, True])
def test_name_that_is_no_text_is_refused(name):
    assert {"name"} == refusal(schemas.OpenBook(), {"name": name}).keys()


def test_text_counts_its_characters_after_normalisation():
    assert "가" * 100 == schemas.RenameCategory().load({"name": "\u1100\u1161" * 100})["name"]
    assert {"name"} == refusal(schemas.RenameCategory(), {"name": "\u1100\u1161" * 101}).keys()


def test_text_is_normalised_to_nfc():
    assert "caf\u00e9" == schemas.RecordEntry().load(ENTRY | {"memo": "cafe\u0301"})["memo"]


@pytest.mark.parametrize("control", CONTROLS)
def test_text_with_a_control_character_is_refused(control):
    message = "Control characters other than tab and newline are not allowed."
    text = f"a{control}b"
    assert {"memo": message} == refusal(schemas.RecordEntry(), ENTRY | {"memo": text})
    assert {"tags": message} == refusal(schemas.RecordEntry(), ENTRY | {"tags": [text]})
    assert {"name": message, "description": message} == refusal(schemas.OpenBook(), {"name": text, "description": text})


@pytest.mark.parametrize("text", ["a{}", "{}a", " a {} "])
@pytest.mark.parametrize("control", CONTROLS)
def test_control_character_at_an_end_is_refused_though_it_may_count_as_space(control, text):
    assert {"name"} == refusal(schemas.OpenBook(), {"name": text.format(control)}).keys()
    assert {"tags"} == refusal(schemas.RecordEntry(), ENTRY | {"tags": [text.format(control)]}).keys()


@pytest.mark.parametrize("text", ["a\tb", "a\nb", "a\u00a0b", "a\u200db", "😀"])
def test_text_with_tab_newline_or_any_other_character_is_kept(text):
    assert text == schemas.RecordEntry().load(ENTRY | {"memo": text})["memo"]


def test_memo_is_not_trimmed():
    assert " a " == schemas.RecordEntry().load(ENTRY | {"memo": " a "})["memo"]


@pytest.mark.parametrize(
    ("schema", "body", "field"),
    [
        (schemas.OpenBook(), BOOK, "description"),
        (schemas.AmendBook(), {}, "description"),
        (schemas.RecordEntry(), ENTRY, "memo"),
        (schemas.AmendEntry(), {}, "memo"),
    ],
)
def test_long_text_of_10000_characters_is_accepted_and_one_more_refused(schema, body, field):
    assert "x" * 10_000 == schema.load(body | {field: "x" * 10_000})[field]
    expected = {field: "Length must be between 0 and 10000 characters."}
    assert expected == refusal(schema, body | {field: "x" * 10_001})


@pytest.mark.parametrize("schema", [schemas.RecordEntry(), schemas.AmendEntry()])
def test_tags_of_20_are_accepted_and_one_more_refused(schema):
    tags = [f"tag {n}" for n in range(21)]
    assert tags[:20] == schema.load(ENTRY | {"tags": tags[:20]})["tags"]
    assert {"tags": "Tags are a list of at most 20 texts."} == refusal(schema, ENTRY | {"tags": tags})


@pytest.mark.parametrize("tag", ["x", "x" * 50, f" {'x' * 50} "])
def test_tag_of_1_to_50_characters_is_accepted_trimmed(tag):
    assert [tag.strip()] == schemas.RecordEntry().load(ENTRY | {"tags": [tag]})["tags"]


@pytest.mark.parametrize("tag", ["", " ", "x" * 51])
def test_tag_of_another_length_is_refused(tag):
    expected = {"tags": "Length must be between 1 and 50 characters."}
    assert expected == refusal(schemas.RecordEntry(), ENTRY | {"tags": [tag]})


@pytest.mark.parametrize("tags", ["noodles", {"a": 1}, 5, [5], [None], [["a"]], None])
def test_tags_that_are_no_texts_are_refused(tags):
    assert {"tags"} == refusal(schemas.RecordEntry(), ENTRY | {"tags": tags}).keys()


def test_tags_repeated_in_other_case_or_form_are_kept_once_as_first_written():
    tags = ["Café", "lunch", "CAFE\u0301", " Lunch "]
    assert ["Café", "lunch"] == schemas.RecordEntry().load(ENTRY | {"tags": tags})["tags"]


@pytest.mark.parametrize(("amount", "read"), [("12.50", "12.50"), (12_000, "12000"), (-5, "-5"), (0, "0")])
def test_amount_as_text_or_integer_is_taken_as_text(amount, read):
    assert read == schemas.RecordEntry().load(ENTRY | {"amount": amount})["amount"]


@pytest.mark.parametrize("amount", [12.5, 12.0, 1e3, True, False, None, [1], {}])
def test_amount_of_another_type_is_refused(amount):
    assert {"amount"} == refusal(schemas.RecordEntry(), ENTRY | {"amount": amount}).keys()


@pytest.mark.parametrize("kind", ["transfer", "Expense", "", None, 1, ["income"]])
def test_kind_other_than_income_or_expense_is_refused(kind):
    assert {"kind"} == refusal(schemas.RecordEntry(), ENTRY | {"kind": kind}).keys()
    assert {"kind"} == refusal(schemas.AddCategory(), {"name": "x", "kind": kind}).keys()


@pytest.mark.parametrize("day", ["2026-11-23", "2024-02-29", "0001-01-01", "9999-12-31"])
def test_day_that_exists_is_accepted(day):
    assert date.fromisoformat(day) == schemas.RecordEntry().load(ENTRY | {"occurred_on": day})["occurred_on"]


@pytest.mark.parametrize(
    "day",
    [
        *("2026-02-29", "2026-13-01", "2026-00-10", "2026-01-00", "0000-01-01", "10000-01-01", "2026-1-1", "20260101"),
        *(
            "2026-W01-1",
            "2026-11-23T00:00:00",
            "2026-11-23 ",
            "2026-11-23\n",
            "٢٠٢٦-11-23",
            "",
            "today",
            20261123,
            True,
        ),
    ],
)
def test_day_in_another_form_or_impossible_is_refused(day):
    expected = {"occurred_on": "A date is an existing day in the form YYYY-MM-DD."}
    assert expected == refusal(schemas.RecordEntry(), ENTRY | {"occurred_on": day})
    assert expected == refusal(schemas.DuplicateEntry(), {"occurred_on": day})


@pytest.mark.parametrize("category_id", ["food", "", 5, "00000000-0000-0000-0000-00000000000"])
def test_category_that_is_no_id_is_refused(category_id):
    assert {"category_id"} == refusal(schemas.RecordEntry(), ENTRY | {"category_id": category_id}).keys()


def test_category_by_id_or_none_is_accepted():
    loaded = schemas.RecordEntry().load(ENTRY | {"category_id": str(an_id(5))})
    assert UUID(int=5) == loaded["category_id"]
    assert schemas.RecordEntry().load(ENTRY | {"category_id": None})["category_id"] is None


def test_merge_patch_holds_only_what_was_sent():
    assert {} == schemas.AmendEntry().load({})
    assert {"memo": "x"} == schemas.AmendEntry().load({"memo": "x"})


def test_merge_patch_null_takes_optional_fields_away():
    patch = {"memo": None, "tags": None, "category_id": None}
    assert {"memo": "", "tags": [], "category_id": None} == schemas.AmendEntry().load(patch)


@pytest.mark.parametrize("field", ["kind", "amount", "occurred_on"])
def test_merge_patch_null_of_a_required_field_is_refused(field):
    assert {field} == refusal(schemas.AmendEntry(), {field: None}).keys()


@pytest.mark.parametrize("field", ["name", "description", "opening_balance"])
def test_book_patch_null_is_refused(field):
    assert {field} == refusal(schemas.AmendBook(), {field: None}).keys()
