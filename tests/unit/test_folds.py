"""The folds of books, entries, sessions and API tokens: what events make of rows."""

from dataclasses import replace
from datetime import timedelta

import pytest

from auth.api_token import REVOKED_BY_OWNER, ApiToken
from auth.session import SIGNED_OUT, RefreshToken, Session
from ledger.book import Book, Category
from ledger.entry import Transfer
from projections import api_tokens, entries, sessions, totals
from projections.api_tokens import ApiTokenRow
from projections.books import Books, ClosingRow, MemberRow
from projections.entries import EntryRow
from projections.postings import Sums
from projections.sessions import SessionRow
from tests.given import an_id
from tests.told import (
    BOOK,
    DAY,
    EDITOR,
    ENTRY,
    FOOD,
    OWNER,
    SALARY,
    START,
    VIEWER,
    Journal,
    a_book,
    a_posting,
    an_entry,
)

SECOND = timedelta(seconds=1)
SESSION = an_id(50)


def books_of(journal, *earlier):
    """The rows after all events of a journal."""
    books = Books(*earlier)
    books.fold(journal.events)
    return books


def test_book_opened_makes_its_row_its_owner_and_its_categories():
    journal = Journal()
    journal.record(a_book(name="Home", currency="KWD", opening_balance_minor=-5))
    rows = books_of(journal)
    row = rows.books[BOOK]
    assert ("Home", "", "KWD", 3, -5) == (
        row.name,
        row.description,
        row.currency,
        row.decimals,
        row.opening_balance_minor,
    )
    assert (0, 0, 0, False, 1) == (row.income_minor, row.expense_minor, row.entry_count, row.deleted, row.version)
    assert (START + SECOND, START + SECOND) == (row.created_at, row.updated_at)
    assert [MemberRow(BOOK, OWNER, "owner", START + SECOND)] == list(rows.members.values())
    assert {FOOD, SALARY} == {
        Category(row.category_id, row.kind, row.name, row.deleted) for row in rows.categories.values()
    }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda book: book.amend("House", None, None), {"name": "House", "description": "ours"}),
        (lambda book: book.amend(None, "", None), {"name": "Home", "description": ""}),
        (lambda book: book.amend(None, None, 0), {"opening_balance_minor": 0, "name": "Home"}),
        (lambda book: book.delete(), {"deleted": True}),
    ],
)
def test_book_changed_shows_what_changed_and_when(change, expected):
    journal, book = Journal(), a_book(description="ours", opening_balance_minor=9)
    journal.record(book)
    change(book)
    journal.record(book)
    row = books_of(journal).books[BOOK]
    assert expected == {name: getattr(row, name) for name in expected}
    assert (2, START + SECOND, START + 2 * SECOND) == (row.version, row.created_at, row.updated_at)


def test_book_restored_is_shown_live():
    journal, book = Journal(), a_book()
    book.delete()
    book.restore()
    journal.record(book)
    assert not books_of(journal).books[BOOK].deleted


def test_categories_changed_are_shown_as_they_are_in_the_book():
    journal, book = Journal(), a_book()
    book.add_category(an_id(40), "income", "Gift")
    book.rename_category(an_id(40), "Gifts")
    book.delete_category(FOOD.category_id)
    book.delete_category(SALARY.category_id)
    book.restore_category(SALARY.category_id)
    journal.record(book)
    rows = books_of(journal).categories
    assert book.categories == {
        row.category_id: Category(row.category_id, row.kind, row.name, row.deleted) for row in rows.values()
    }


def test_entries_count_in_their_book_as_long_as_they_are_live():
    journal, book, expense = Journal(), a_book(), an_entry(posting=a_posting(5))
    journal.record(book)
    journal.record(expense)
    journal.record(an_entry(an_id(21), a_posting(100, kind="income")))
    row = books_of(journal).books[BOOK]
    assert (100, 5, 2) == (row.income_minor, row.expense_minor, row.entry_count)
    expense.amend(a_posting(7), expense.memo, expense.tags)
    journal.record(expense)
    row = books_of(journal).books[BOOK]
    assert (100, 7, 2) == (row.income_minor, row.expense_minor, row.entry_count)
    expense.delete()
    journal.record(expense)
    row = books_of(journal).books[BOOK]
    assert (100, 0, 1) == (row.income_minor, row.expense_minor, row.entry_count)
    expense.restore()
    journal.record(expense)
    row = books_of(journal).books[BOOK]
    assert (100, 7, 2) == (row.income_minor, row.expense_minor, row.entry_count)


def test_entries_leave_the_books_own_version_and_time_as_they_are():
    journal = Journal()
    journal.record(a_book())
    journal.record(an_entry())
    row = books_of(journal).books[BOOK]
    assert (1, START + SECOND) == (row.version, row.updated_at)


def test_book_erased_is_folded_without_its_texts():
    journal, book = Journal(), a_book()
    book.amend("House", "new", None)
    journal.record(book)
    opened, amended = (recorded.event for recorded in journal.events)
    for event in (opened, amended):
        assert isinstance(event, Book.Event)
        vars(event).update(name=None, description=None)
    rows = books_of(journal)
    assert (None, None) == (rows.books[BOOK].name, rows.books[BOOK].description)


def joined(book):
    book.join(EDITOR, "editor", an_id(60))
    book.join(VIEWER, "viewer", an_id(61))


def test_members_are_those_of_the_book_since_they_joined():
    journal, book = Journal(), a_book()
    joined(book)
    journal.record(book)
    assert {OWNER: START + SECOND, EDITOR: START + 2 * SECOND, VIEWER: START + 3 * SECOND} == {
        row.user_id: row.joined_at for row in books_of(journal).members.values()
    }


@pytest.mark.parametrize(
    "change",
    [
        joined,
        lambda book: book.change_role(VIEWER, "auditor"),
        lambda book: book.change_role(VIEWER, "owner"),
        lambda book: book.remove_member(EDITOR),
    ],
    ids=["joined", "role", "handed over", "removed"],
)
def test_members_changed_are_shown_as_they_are_in_the_book(change):
    journal, book = Journal(), a_book()
    if change is not joined:
        joined(book)
    change(book)
    journal.record(book)
    rows = books_of(journal)
    assert book.members == {row.user_id: row.role for row in rows.members.values()}
    assert book.version == rows.books[BOOK].version


def test_member_who_joins_again_joined_then():
    journal, book = Journal(), a_book()
    joined(book)
    book.remove_member(EDITOR)
    book.join(EDITOR, "viewer", an_id(62))
    journal.record(book)
    assert MemberRow(BOOK, EDITOR, "viewer", START + 5 * SECOND) == books_of(journal).members[BOOK, EDITOR]


def test_closings_are_those_in_force():
    journal, book = Journal(), a_book()
    book.close(DAY)
    book.close(DAY + timedelta(days=30))
    journal.record(book, actor=EDITOR)
    rows = books_of(journal)
    first = ClosingRow(BOOK, DAY, START + 2 * SECOND, EDITOR)
    second = ClosingRow(BOOK, DAY + timedelta(days=30), START + 3 * SECOND, EDITOR)
    assert ([first, second], DAY + timedelta(days=30)) == (
        list(rows.closings.values()),
        rows.books[BOOK].closed_through,
    )
    book.reopen("late bill")
    journal.record(book)
    rows = books_of(journal)
    assert ([first], DAY) == (list(rows.closings.values()), rows.books[BOOK].closed_through)
    book.reopen("again")
    journal.record(book)
    rows = books_of(journal)
    assert ([], None) == (list(rows.closings.values()), rows.books[BOOK].closed_through)


@pytest.mark.parametrize(("kind", "transferred_minor"), [("transfer_in", 50), ("transfer_out", -50)])
def test_transfer_counts_as_neither_income_nor_expense(kind, transferred_minor):
    journal = Journal()
    journal.record(a_book())
    entry = an_entry(posting=a_posting(50, kind=kind), transfer=Transfer(an_id(70), an_id(71), an_id(72)))
    journal.record(entry)
    row = books_of(journal).books[BOOK]
    assert (0, 0, transferred_minor, 1) == (
        row.income_minor,
        row.expense_minor,
        row.transferred_minor,
        row.entry_count,
    )
    assert [Sums(0, 0, transferred_minor, 0)] == list(totals.fold(journal.events).values())
    entry.delete()
    journal.record(entry)
    assert (0, 0) == (books_of(journal).books[BOOK].transferred_minor, books_of(journal).books[BOOK].entry_count)


def test_entry_reverted_counts_as_what_it_was():
    journal, entry = Journal(), an_entry(posting=a_posting(5))
    first = entry.content
    journal.record(a_book())
    entry.amend(a_posting(9, kind="income"), "dinner", [])
    entry.delete()
    entry.revert(1, first)
    journal.record(entry)
    row = books_of(journal).books[BOOK]
    assert (0, 5, 1) == (row.income_minor, row.expense_minor, row.entry_count)
    shown = fold_entries(journal)[0][BOOK, ENTRY]
    assert (5, "expense", "lunch", ["noodles"], False, 4) == (
        shown.amount_minor,
        shown.kind,
        shown.memo,
        shown.tags,
        shown.deleted,
        shown.version,
    )


def test_totals_are_of_the_member_who_recorded_the_entry_whoever_changes_it():
    journal, entry = Journal(), an_entry(posting=a_posting(5))
    recorded = journal.record(entry, actor=EDITOR)
    entry.amend(a_posting(7), entry.memo, entry.tags)
    changed = journal.record(entry, actor=OWNER)
    whole = totals.fold([*recorded, *changed])
    assert {EDITOR: Sums(0, 7, 0, 1)} == {key[-1]: sums for key, sums in whole.items()}
    later = totals.fold(changed, {(BOOK, ENTRY): EDITOR})
    assert {EDITOR: Sums(0, 2, 0, 0)} == {key[-1]: sums for key, sums in later.items()}


def fold_entries(journal, rows=None):
    """Returns: the current versions, and those that ended."""
    rows = {} if rows is None else rows
    return rows, entries.fold(rows, journal.events)


def current(journal):
    rows, _ = fold_entries(journal)
    return rows[BOOK, ENTRY]


def test_entry_recorded_makes_its_first_version():
    journal = Journal()
    journal.record(an_entry(posting=a_posting(5), memo="lunch", tags=["a"], copied_from=an_id(9)), actor=EDITOR)
    at = START + SECOND
    expected = EntryRow(
        BOOK,
        ENTRY,
        version=1,
        since=1,
        until=None,
        kind="expense",
        amount_minor=5,
        occurred_on=DAY,
        category_id=FOOD.category_id,
        memo="lunch",
        tags=["a"],
        copied_from=an_id(9),
        batch_id=None,
        transfer_id=None,
        other_book_id=None,
        other_entry_id=None,
        deleted=False,
        created_by=EDITOR,
        created_at=at,
        changed_by=EDITOR,
        updated_at=at,
    )
    assert ({(BOOK, ENTRY): expected}, []) == fold_entries(journal)


def test_entry_amended_shows_its_new_posting_and_keeps_the_rest():
    journal, entry = Journal(), an_entry(memo="lunch", tags=["a"])
    journal.record(entry, actor=EDITOR)
    entry.amend(a_posting(9, kind="income", category_id=None, occurred_on=DAY - timedelta(days=1)), "lunch", ["a"])
    journal.record(entry, actor=OWNER)
    row = current(journal)
    assert (9, "income", None, DAY - timedelta(days=1)) == (
        row.amount_minor,
        row.kind,
        row.category_id,
        row.occurred_on,
    )
    assert ("lunch", ["a"], EDITOR, OWNER, 2) == (row.memo, row.tags, row.created_by, row.changed_by, row.version)
    assert (START + SECOND, START + 2 * SECOND) == (row.created_at, row.updated_at)


@pytest.mark.parametrize(("memo", "tags"), [("", ["a"]), ("lunch", []), ("", [])])
def test_entry_amended_in_its_texts_shows_them_also_when_empty(memo, tags):
    journal, entry = Journal(), an_entry(memo="lunch", tags=["a"])
    entry.amend(entry.posting, memo, tags)
    journal.record(entry)
    row = current(journal)
    assert (memo, tags, 12_000) == (row.memo, row.tags, row.amount_minor)


def test_entry_deleted_keeps_its_row_and_restored_is_live():
    journal, entry = Journal(), an_entry()
    entry.delete()
    journal.record(entry)
    rows, _ = fold_entries(journal)
    assert (True, 12_000, 2) == (
        rows[BOOK, ENTRY].deleted,
        rows[BOOK, ENTRY].amount_minor,
        rows[BOOK, ENTRY].version,
    )
    later = Journal()
    entry.restore()
    later.record(entry)
    fold_entries(later, rows)
    assert (False, 3) == (rows[BOOK, ENTRY].deleted, rows[BOOK, ENTRY].version)


def test_entry_changed_many_times_keeps_every_version_from_its_event_until_the_next():
    journal, entry, other = Journal(), an_entry(posting=a_posting(1)), an_entry(an_id(21))
    journal.record(entry)
    journal.record(other)
    for amount in (2, 3):
        entry.amend(a_posting(amount), entry.memo, entry.tags)
        journal.record(entry)
    entry.delete()
    journal.record(entry)
    rows, ended = fold_entries(journal)
    versions = [(row.version, row.amount_minor, row.deleted, row.since, row.until) for row in ended]
    assert [(1, 1, False, 1, 3), (2, 2, False, 3, 4), (3, 3, False, 4, 5)] == versions
    assert (4, 3, True, 5, None) == tuple(
        getattr(rows[BOOK, ENTRY], name) for name in ("version", "amount_minor", "deleted", "since", "until")
    )
    assert (1, 2, None) == (rows[BOOK, an_id(21)].version, rows[BOOK, an_id(21)].since, rows[BOOK, an_id(21)].until)


def test_entries_fold_passes_over_events_of_the_book():
    journal = Journal()
    journal.record(a_book())
    assert ({}, []) == fold_entries(journal)


def test_session_started_refreshed_and_ended_is_shown_so():
    first = RefreshToken(OWNER, SESSION, bytes(RefreshToken.SECRET_BYTES))
    second = first.successor(b"key")
    session = Session(id=SESSION, refresh_hash=first.digest, user_agent="Firefox", ip="192.0.2.1", amr=["pwd"])
    journal, rows = Journal(OWNER), {}
    sessions.fold(rows, journal.record(session))
    at = START + SECOND
    assert {SESSION: SessionRow(OWNER, SESSION, "Firefox", "192.0.2.1", at, at, ended=False)} == rows

    session.refresh(first, second, at, "Firefox", "192.0.2.2")
    sessions.fold(rows, journal.record(session))
    later = START + 2 * SECOND
    assert {SESSION: SessionRow(OWNER, SESSION, "Firefox", "192.0.2.2", at, later, ended=False)} == rows

    session.end(SIGNED_OUT)
    sessions.fold(rows, journal.record(session))
    assert rows[SESSION].ended
    assert later == rows[SESSION].last_seen_at


def test_api_token_issued_used_and_revoked_is_shown_so():
    token_id, expires_at, journal = an_id(60), START + timedelta(days=1), Journal(OWNER)
    token = ApiToken(token_id, "script", "hash", ["read", "write"], [BOOK], expires_at)
    journal.record(token)
    rows = {}
    api_tokens.fold(rows, journal.events)
    shown = ApiTokenRow(OWNER, token_id, "script", "read write", str(BOOK), START + SECOND, expires_at)
    assert {token_id: shown} == rows
    token.note_use(DAY)
    token.revoke(REVOKED_BY_OWNER)
    api_tokens.fold(rows, journal.record(token))
    assert {token_id: replace(shown, last_used_on=DAY, revoked=True)} == rows
