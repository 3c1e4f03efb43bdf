"""Totals: what events add to days, months and years, and how a range is cut into whole ones and single days."""

from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.entry import TRANSFER_IN, TRANSFER_OUT
from projections.postings import NONE, Sums
from projections.totals import GRAINS, Piece, cut, fold
from tests.given import an_id
from tests.told import BOOK, DAY, EDITOR, ENTRY, FOOD, OWNER, SALARY, Journal, a_book, a_posting, an_entry

RANGE_DAYS_MAX = 1_000
NOVEMBER = DAY.replace(day=1)


def days(first, last):
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def counted(pieces, day):
    """How often the pieces of a range count a day, by itself, in its month or in its year."""
    month = day.replace(day=1)
    starts_on = {"day": day, "month": month, "whole_month": month, "year": month.replace(month=1)}
    return sum(piece.first <= starts_on[piece.grain] <= piece.last for piece in pieces)


@st.composite
def ranges(draw):
    first = draw(st.dates() | st.dates(date.max - timedelta(days=100)) | st.dates(max_value=date(1, 4, 1)))
    length = timedelta(days=draw(st.integers(0, RANGE_DAYS_MAX)))
    return first, date.max if date.max - first < length else first + length


@given(ranges())
@example((date(9999, 12, 1), date.max))
@example((date.max, date.max))
@example((date.min, date.min))
@example((date.min, date(1, 1, 31)))
@example((date(2026, 2, 1), date(2026, 2, 28)))
@example((date(2024, 2, 1), date(2024, 2, 28)))
@example((date(2026, 1, 31), date(2026, 3, 1)))
def test_pieces_of_a_range_count_each_of_its_days_once(bounds):
    for grains in GRAINS.values():
        pieces = cut(*bounds, grains)
        assert {1} == {counted(pieces, day) for day in days(*bounds)}


@given(ranges())
def test_pieces_of_a_range_count_no_day_beyond_it(bounds):
    first, last = bounds
    before = [first - timedelta(days=1)] if first > date.min else []
    after = [last + timedelta(days=1)] if last < date.max else []
    for grains in GRAINS.values():
        assert [0] * len(before + after) == [counted(cut(first, last, grains), day) for day in before + after]


@given(ranges())
def test_pieces_of_a_range_and_of_all_after_it_count_each_day_once(bounds):
    first, last = bounds
    later = cut(last + timedelta(days=1), date.max) if last < date.max else []
    beyond = {min(last, date.max - timedelta(days=n)) + timedelta(days=n) for n in (1, 31, 400)}
    assert {1} == {counted([*cut(first, last), *later], day) for day in {first, last, date.max, *beyond}}


@pytest.mark.parametrize("day", [date.min, date(1, 1, 31), DAY, date(9999, 12, 1), date(9999, 12, 30), date.max])
def test_pieces_of_all_time_are_one_and_count_each_day_once(day):
    pieces = cut(date.min, date.max)
    assert [Piece("whole_month", date.min, date.max)] == pieces
    assert 1 == counted(pieces, day)


@pytest.mark.parametrize(
    ("bounds", "pieces"),
    [
        ((DAY, DAY), [("day", DAY, DAY)]),
        ((NOVEMBER, date(2026, 11, 30)), [("whole_month", NOVEMBER, date(2026, 11, 30))]),
        ((NOVEMBER, DAY), [("day", NOVEMBER, DAY)]),
        ((DAY, date(2026, 11, 30)), [("day", DAY, date(2026, 11, 30))]),
        (
            (date(2026, 1, 31), date(2026, 2, 1)),
            [("day", date(2026, 1, 31), date(2026, 1, 31)), ("day", date(2026, 2, 1), date(2026, 2, 1))],
        ),
        (
            (date(2016, 1, 20), DAY),
            [
                ("day", date(2016, 1, 20), date(2016, 1, 31)),
                ("whole_month", date(2016, 2, 1), date(2026, 10, 31)),
                ("day", NOVEMBER, DAY),
            ],
        ),
    ],
)
def test_pieces_of_a_range_are_its_months_and_the_days_around_them(bounds, pieces):
    assert pieces == cut(*bounds)


def test_pieces_by_category_are_years_the_months_around_them_and_days_around_those():
    expected = [
        ("day", date(2016, 1, 20), date(2016, 1, 31)),
        ("month", date(2016, 2, 1), date(2016, 12, 31)),
        ("year", date(2017, 1, 1), date(2025, 12, 31)),
        ("month", date(2026, 1, 1), date(2026, 10, 31)),
        ("day", NOVEMBER, DAY),
    ]
    assert expected == cut(date(2016, 1, 20), DAY, GRAINS["category"])
    assert [("year", date.min, date.max)] == cut(date.min, date.max, GRAINS["category"])


def test_fold_of_a_recorded_entry_adds_to_its_day():
    sums = fold(Journal().record(an_entry(posting=a_posting(5))))
    assert {(BOOK, DAY, FOOD.category_id, OWNER): Sums(0, 5, 0, 1)} == sums


def test_fold_of_an_entry_without_a_category_is_kept_apart():
    posting = a_posting(7, category_id=None, kind="income")
    sums = fold(Journal().record(an_entry(posting=posting)))
    assert Sums(7, 0, 0, 1) == sums[BOOK, DAY, NONE, OWNER]


def test_fold_of_an_amended_entry_takes_away_what_it_was():
    journal, entry = Journal(), an_entry(posting=a_posting(5))
    journal.record(entry)
    entry.amend(a_posting(8, kind="income", category_id=SALARY.category_id), "", [])
    sums = fold(journal.record(entry, actor=EDITOR), {(BOOK, ENTRY): OWNER})
    assert Sums(0, -5, 0, -1) == sums[BOOK, DAY, FOOD.category_id, OWNER]
    assert Sums(8, 0, 0, 1) == sums[BOOK, DAY, SALARY.category_id, OWNER]


def test_fold_of_an_entry_moved_to_another_day_changes_both_days():
    journal, entry = Journal(), an_entry(posting=a_posting(5))
    journal.record(entry)
    entry.amend(a_posting(5, occurred_on=NOVEMBER), entry.memo, entry.tags)
    sums = fold(journal.record(entry), {(BOOK, ENTRY): OWNER})
    assert Sums(0, -5, 0, -1) == sums[BOOK, DAY, FOOD.category_id, OWNER]
    assert Sums(0, 5, 0, 1) == sums[BOOK, NOVEMBER, FOOD.category_id, OWNER]


def test_fold_of_an_entry_deleted_and_restored_comes_to_what_it_was():
    journal, entry = Journal(), an_entry(posting=a_posting(5))
    recorded = fold(journal.record(entry))
    entry.delete()
    deleted = fold(journal.record(entry), {(BOOK, ENTRY): OWNER})
    assert {(BOOK, DAY, FOOD.category_id, OWNER): Sums(0, -5, 0, -1)} == deleted
    entry.restore()
    journal.record(entry)
    assert recorded == fold(journal.events)


def test_fold_of_events_that_move_no_money_adds_nothing():
    journal, entry = Journal(), an_entry()
    journal.record(entry)
    entry.amend(entry.posting, "other memo", [])
    assert {} == fold([*journal.record(entry), *journal.record(a_book())])


def test_fold_of_a_transfer_moves_money_that_is_neither_income_nor_expense():
    journal = Journal()
    journal.record(an_entry(an_id(1), a_posting(5, kind=TRANSFER_OUT)))
    assert [Sums(0, 0, -5, 0)] == list(fold(journal.events).values())
    journal.record(an_entry(an_id(2), a_posting(5, kind=TRANSFER_IN)))
    assert [Sums()] == list(fold(journal.events).values())
