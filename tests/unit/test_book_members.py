"""The book: who belongs to it, and the periods that it is closed through."""

from datetime import date, timedelta

import pytest

from ledger.book import MEMBERS_MAX, Book
from ledger.errors import (
    AlreadyClosed,
    AlreadyMember,
    BookDeleted,
    ClosingNotFound,
    MemberNotFound,
    OwnerMustStay,
    PeriodClosed,
    TooManyMembers,
)
from tests.given import an_id, given
from tests.told import EDITOR, OWNER, STRANGER, VIEWER, a_book

INVITATION = an_id(60)
JANUARY, FEBRUARY = date(2026, 1, 31), date(2026, 2, 28)


def shared(book):
    book.join(EDITOR, "editor", INVITATION)
    book.join(VIEWER, "viewer", INVITATION)


def handed_over(book):
    book.change_role(EDITOR, "owner")


def closed(book):
    book.close(JANUARY)
    book.close(FEBRUARY)


def test_book_joined_has_another_member():
    book = (
        given(a_book())
        .when(lambda book: book.join(EDITOR, "editor", INVITATION))
        .then((Book.MemberJoined, {"user_id": EDITOR, "role": "editor", "invitation_id": INVITATION}))
    )
    assert {OWNER: "owner", EDITOR: "editor"} == book.members


@pytest.mark.parametrize("user", [OWNER, EDITOR])
def test_book_joined_by_a_member_is_refused(user):
    given(a_book(), shared).when(lambda book: book.join(user, "viewer", INVITATION)).raises(AlreadyMember)


def test_book_with_as_many_members_as_may_be_takes_no_other():
    def full(book):
        for number in range(MEMBERS_MAX - 1):
            book.join(an_id(1000 + number), "viewer", INVITATION)

    story = given(a_book(), full).when(lambda book: book.join(STRANGER, "viewer", INVITATION))
    assert MEMBERS_MAX == story.raises(TooManyMembers).members_max


def test_member_given_another_role_has_it():
    book = (
        given(a_book(), shared)
        .when(lambda book: book.change_role(VIEWER, "auditor"))
        .then((Book.RoleChanged, {"user_id": VIEWER, "role": "auditor"}))
    )
    assert {OWNER: "owner", EDITOR: "editor", VIEWER: "auditor"} == book.members


@pytest.mark.parametrize(("user", "role"), [(OWNER, "owner"), (EDITOR, "editor"), (VIEWER, "viewer")])
def test_member_given_the_role_that_they_have_changes_nothing(user, role):
    given(a_book(), shared).when(lambda book: book.change_role(user, role)).then()


def test_member_made_owner_makes_the_owner_an_editor():
    book = (
        given(a_book(), shared)
        .when(lambda book: book.change_role(VIEWER, "owner"))
        .then((Book.HandedOver, {"user_id": VIEWER, "former_owner_id": OWNER}))
    )
    assert {OWNER: "editor", EDITOR: "editor", VIEWER: "owner"} == book.members


@pytest.mark.parametrize("role", ["editor", "viewer", "auditor"])
def test_owner_is_not_given_another_role(role):
    given(a_book(), shared).when(lambda book: book.change_role(OWNER, role)).raises(OwnerMustStay)


def test_owner_does_not_leave():
    given(a_book(), shared).when(lambda book: book.remove_member(OWNER)).raises(OwnerMustStay)


def test_owner_leaves_once_the_book_is_handed_over():
    book = (
        given(a_book(), shared, handed_over)
        .when(lambda book: book.remove_member(OWNER))
        .then((Book.MemberRemoved, {"user_id": OWNER}))
    )
    assert {EDITOR: "owner", VIEWER: "viewer"} == book.members


def test_member_removed_may_join_again():
    story = given(a_book(), shared, lambda book: book.remove_member(VIEWER))
    book = story.when(lambda book: book.join(VIEWER, "editor", an_id(61))).then(
        (Book.MemberJoined, {"user_id": VIEWER, "role": "editor", "invitation_id": an_id(61)})
    )
    assert "editor" == book.members[VIEWER]


@pytest.mark.parametrize(
    "change", [lambda book: book.change_role(STRANGER, "viewer"), lambda book: book.remove_member(STRANGER)]
)
def test_stranger_is_no_member_to_change(change):
    given(a_book(), shared).when(change).raises(MemberNotFound)


@pytest.mark.parametrize(
    "change",
    [
        lambda book: book.join(STRANGER, "viewer", INVITATION),
        lambda book: book.change_role(EDITOR, "viewer"),
        handed_over,
        lambda book: book.remove_member(EDITOR),
        lambda book: book.close(date(2026, 3, 31)),
        lambda book: book.reopen("late bill"),
    ],
)
def test_book_deleted_keeps_its_members_and_closings(change):
    given(a_book(), shared, closed, lambda book: book.delete()).when(change).raises(BookDeleted)


def test_book_closed_refuses_the_days_until_then_and_no_later_one():
    book = given(a_book()).when(lambda book: book.close(JANUARY)).then((Book.PeriodClosed, {"through": JANUARY}))
    book.require_open(JANUARY + timedelta(days=1))
    for days in ([JANUARY], [date.min], [date.max, JANUARY], [JANUARY, date.max]):
        with pytest.raises(PeriodClosed) as refused:
            book.require_open(*days)
        assert JANUARY == refused.value.through


def test_book_never_closed_is_open_for_every_day():
    a_book().require_open(date.min, date.max)


@pytest.mark.parametrize("through", [FEBRUARY, JANUARY, date.min])
def test_book_closed_is_not_closed_through_the_same_or_an_earlier_day(through):
    error = given(a_book(), closed).when(lambda book: book.close(through)).raises(AlreadyClosed)
    assert FEBRUARY == error.through


def test_book_reopened_is_closed_as_far_as_it_was_before():
    book = (
        given(a_book(), closed)
        .when(lambda book: book.reopen("late bill"))
        .then((Book.PeriodReopened, {"through": FEBRUARY, "reason": "late bill"}))
    )
    assert [JANUARY] == book.closings
    book.require_open(JANUARY + timedelta(days=1))


def test_book_reopened_may_be_closed_through_an_earlier_day():
    story = given(a_book(), closed, lambda book: book.reopen("late bill"))
    middle = JANUARY + timedelta(days=10)
    story.when(lambda book: book.close(middle)).then((Book.PeriodClosed, {"through": middle}))


def test_book_with_nothing_closed_is_not_reopened():
    story = given(a_book(), lambda book: book.close(JANUARY), lambda book: book.reopen("late bill"))
    story.when(lambda book: book.reopen("again")).raises(ClosingNotFound)


def test_book_replayed_has_the_same_members_and_closings():
    book = a_book()
    for change in (shared, handed_over, closed):
        change(book)
    book.change_role(VIEWER, "auditor")
    book.remove_member(OWNER)
    book.reopen("late bill")
    replayed = None
    for event in book.unrecorded_events():
        replayed = event.mutate(replayed)
    assert ({EDITOR: "owner", VIEWER: "auditor"}, [JANUARY]) == (book.members, book.closings)
    assert (book.members, book.closings) == (replayed.members, replayed.closings)


def test_book_parts_with_a_member_also_when_it_is_deleted():
    story = given(a_book(), shared, lambda book: book.delete())
    story.when(lambda book: book.part_with(EDITOR)).then((Book.MemberRemoved, {"user_id": EDITOR}))


def test_book_of_one_is_erased_with_its_owner_and_is_nobodys():
    book = given(a_book()).when(lambda book: book.part_with(OWNER)).then((Book.Erased, {}))
    assert ({}, True) == (book.members, book.deleted)


def test_book_that_others_belong_to_keeps_its_owner():
    given(a_book(), shared).when(lambda book: book.part_with(OWNER)).raises(OwnerMustStay)


def test_book_does_not_part_with_a_stranger():
    given(a_book()).when(lambda book: book.part_with(STRANGER)).raises(MemberNotFound)
