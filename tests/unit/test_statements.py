"""Statements and spending: what events add to months, and to what members recorded in them."""

from datetime import date

from ledger.entry import TRANSFER_IN, TRANSFER_OUT
from projections import spending, statements
from projections.postings import NONE, Sums
from tests.given import an_id
from tests.told import BOOK, DAY, EDITOR, ENTRY, OWNER, Journal, a_book, a_posting, an_entry

NOVEMBER = DAY.replace(day=1)
DECEMBER = date(2026, 12, 1)


def test_fold_of_entries_adds_to_their_month_whatever_their_day_category_and_kind():
    journal = Journal()
    journal.record(an_entry(an_id(1), a_posting(5)))
    journal.record(an_entry(an_id(2), a_posting(70, kind="income", category_id=None, occurred_on=NOVEMBER)))
    journal.record(an_entry(an_id(3), a_posting(4, kind=TRANSFER_OUT)))
    journal.record(an_entry(an_id(4), a_posting(1, kind=TRANSFER_IN)))
    assert {(BOOK, NOVEMBER): Sums(70, 5, -3, 4)} == statements.fold(journal.events)
    assert {(BOOK, NOVEMBER, OWNER): Sums(70, 5, 0, 2)} == spending.fold(journal.events)


def test_fold_of_an_entry_moved_to_another_month_takes_it_from_the_first_and_from_who_recorded_it():
    journal, entry = Journal(), an_entry(posting=a_posting(5))
    journal.record(entry)
    entry.amend(a_posting(8, occurred_on=DECEMBER), "", [])
    moved = journal.record(entry, actor=EDITOR)
    assert {
        (BOOK, NOVEMBER): Sums(0, -5, 0, -1),
        (BOOK, DECEMBER): Sums(0, 8, 0, 1),
    } == statements.fold(moved)
    assert {
        (BOOK, NOVEMBER, OWNER): Sums(0, -5, 0, -1),
        (BOOK, DECEMBER, OWNER): Sums(0, 8, 0, 1),
    } == spending.fold(moved, {(BOOK, ENTRY): OWNER})


def test_fold_of_an_entry_recorded_by_the_system_is_spent_by_nobody():
    journal = Journal()
    journal.record(an_entry(posting=a_posting(5)), actor=None)
    assert {(BOOK, NOVEMBER, NONE): Sums(0, 5, 0, 1)} == spending.fold(journal.events)


def test_fold_of_events_that_move_no_money_makes_no_month():
    journal, entry = Journal(), an_entry()
    journal.record(entry)
    entry.amend(entry.posting, "other memo", [])
    events = [*journal.record(entry), *journal.record(a_book())]
    assert ({}, {}) == (statements.fold(events), spending.fold(events, {(BOOK, ENTRY): OWNER}))
