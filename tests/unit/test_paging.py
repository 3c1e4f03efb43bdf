"""Cursors: opaque, exact, and of one list only."""

import base64
from datetime import UTC

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from ledger.problems import field_errors
from projections.finding import ORDERS
from projections.paging import Page, decode_cursor, encode_cursor, page_of
from tests.given import an_id
from tests.told import DAY

DAYS = ORDERS["-occurred_on"].key_types
AMOUNTS = ORDERS["amount"].key_types
TIMES = ORDERS["-recorded_at"].key_types
CURSOR = encode_cursor("-occurred_on", (DAY, an_id(1)))


def forged(content):
    return base64.urlsafe_b64encode(orjson.dumps(content)).rstrip(b"=").decode()


@given(st.dates(), st.uuids())
def test_cursor_of_a_day_is_read_as_it_was_written(day, entry_id):
    cursor = encode_cursor("-occurred_on", (day, entry_id))
    assert (day, entry_id) == decode_cursor(cursor, "-occurred_on", DAYS)


@given(st.integers(0, 10**18), st.uuids())
def test_cursor_of_an_amount_is_read_as_it_was_written(amount_minor, entry_id):
    cursor = encode_cursor("amount", (amount_minor, entry_id))
    assert (amount_minor, entry_id) == decode_cursor(cursor, "amount", AMOUNTS)


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_cursor_of_a_time_is_read_as_it_was_written(at, entry_id):
    cursor = encode_cursor("-recorded_at", (at, entry_id))
    assert (at, entry_id) == decode_cursor(cursor, "-recorded_at", TIMES)


def test_cursor_needs_no_escaping_in_a_query():
    assert CURSOR.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "cursor",
    [
        *("", "x", "=", "%%%", "é", "\x00", CURSOR[:-4], CURSOR[4:], CURSOR + "AAAA", "a" * 10_000),
        forged(None),
        forged(5),
        forged({}),
        forged([]),
        forged("-occurred_on"),
        forged(["-occurred_on"]),
        forged(["-occurred_on", "2026-11-23"]),
        forged(["-occurred_on", "2026-11-31", str(an_id(1))]),
        forged(["-occurred_on", 5, str(an_id(1))]),
        forged(["-occurred_on", "2026-11-23", "id"]),
        forged(["-occurred_on", "2026-11-23", str(an_id(1)), 1]),
        forged(["-occurred_on", None, None]),
    ],
)
def test_cursor_tampered_with_is_refused(cursor):
    with pytest.raises(ValidationError) as caught:
        decode_cursor(cursor, "-occurred_on", DAYS)
    assert ["cursor"] == [error["field"] for error in field_errors(caught.value)]


@given(st.text() | st.binary().map(lambda content: base64.urlsafe_b64encode(content).decode()))
def test_cursor_made_of_anything_is_refused(cursor):
    with pytest.raises(ValidationError):
        decode_cursor(cursor, "-occurred_on", DAYS)


@pytest.mark.parametrize("order", ["occurred_on", "-recorded_at", "books"])
def test_cursor_of_another_order_is_refused(order):
    with pytest.raises(ValidationError):
        decode_cursor(CURSOR, order, DAYS)


@pytest.mark.parametrize("amount_minor", [2**63, -1, 1.5, True, 10**30])
def test_cursor_with_an_amount_beyond_the_column_is_refused(amount_minor):
    cursor = base64.urlsafe_b64encode(f'["amount",{amount_minor!s},"{an_id(1)}"]'.lower().encode()).decode()
    with pytest.raises(ValidationError):
        decode_cursor(cursor, "amount", AMOUNTS)


def test_cursor_with_a_time_without_a_zone_is_refused():
    with pytest.raises(ValidationError):
        decode_cursor(forged(["-recorded_at", "2026-11-23T00:00:00", str(an_id(1))]), "-recorded_at", TIMES)


def paged(count, limit):
    rows = [{"id": number} for number in range(count)]
    return page_of(rows, Page(limit, "numbers", None), dict, lambda row: (row["id"],))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_page_with_no_more_rows_than_its_limit_is_the_last(count):
    assert {"items": [{"id": n} for n in range(count)], "next_cursor": None} == paged(count, limit=2)


def test_page_with_one_more_row_goes_on_after_the_last_shown():
    page = paged(3, limit=2)
    assert [{"id": 0}, {"id": 1}] == page["items"]
    assert (1,) == decode_cursor(page["next_cursor"], "numbers", (int,))
