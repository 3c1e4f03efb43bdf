"""The book: what its members may do with it and with its categories."""

import pytest

from ledger.book import CATEGORIES_MAX, OWNERS, WRITERS, Book, Category, fold_case
from ledger.errors import (
    BookDeleted,
    BookNotDeleted,
    BookNotFound,
    CategoryDeleted,
    CategoryExists,
    CategoryNotDeleted,
    CategoryNotFound,
    NotPermitted,
    TooManyCategories,
)
from tests.given import an_id, given
from tests.told import BOOK, EDITOR, FOOD, OWNER, SALARY, STRANGER, VIEWER, a_book

NEW = an_id(40)
UNKNOWN = an_id(41)
FOOD_ID = FOOD.category_id


def deleted(book):
    book.delete()


def without_food(book):
    book.delete_category(FOOD_ID)


def test_book_opened_has_its_categories_and_its_owner():
    book = a_book(name="Home", description="ours", opening_balance_minor=-5)
    (event,) = book.unrecorded_events()
    assert Book.Opened is type(event)
    assert ("Home", "ours", "KRW", -5) == (event.name, event.description, event.currency, event.opening_balance_minor)
    assert {OWNER: "owner"} == book.members
    assert {FOOD_ID: FOOD, SALARY.category_id: SALARY} == book.categories
    assert not book.deleted


@pytest.mark.parametrize("roles", [OWNERS, WRITERS])
def test_book_asked_for_a_role_by_its_owner_allows_it(roles):
    given(a_book()).when(lambda book: book.require_role(OWNER, roles)).then()


@pytest.mark.parametrize("actor", [STRANGER, None])
def test_book_asked_for_a_role_by_a_stranger_is_as_if_absent(actor):
    given(a_book()).when(lambda book: book.require_role(actor, WRITERS)).raises(BookNotFound)


@pytest.mark.parametrize(
    ("role", "allowed", "roles"),
    [("editor", True, WRITERS), ("editor", False, OWNERS), ("viewer", False, WRITERS), ("auditor", False, WRITERS)],
)
def test_book_asked_for_a_role_by_a_member_goes_by_the_role(role, allowed, roles):
    book = a_book()
    book.members |= {EDITOR: role}
    story = given(book).when(lambda book: book.require_role(EDITOR, roles))
    story.then() if allowed else story.raises(NotPermitted)


def test_book_amended_records_only_what_differs():
    given(a_book(name="Home", description="ours")).when(lambda book: book.amend("House", "ours", None)).then(
        (Book.Amended, {"name": "House", "description": None, "opening_balance_minor": None})
    )


def test_book_amended_in_everything_is_changed_in_everything():
    book = (
        given(a_book())
        .when(lambda book: book.amend("House", "new", -7))
        .then((Book.Amended, {"name": "House", "description": "new", "opening_balance_minor": -7}))
    )
    assert ("House", "new", -7) == (book.name, book.description, book.opening_balance_minor)


def test_book_amended_to_empty_and_zero_is_changed():
    book = given(a_book(description="ours", opening_balance_minor=5)).when(lambda book: book.amend(None, "", 0))
    amended = book.then((Book.Amended, {"name": None, "description": "", "opening_balance_minor": 0}))
    assert ("Home", "", 0) == (amended.name, amended.description, amended.opening_balance_minor)


@pytest.mark.parametrize("changes", [(None, None, None), ("Home", "", 0)])
def test_book_amended_to_what_it_is_records_nothing(changes):
    given(a_book()).when(lambda book: book.amend(*changes)).then()


def test_book_deleted_and_restored_is_live_again():
    book = given(a_book()).when(lambda book: book.delete()).then((Book.Deleted, {}))
    assert book.deleted
    book = given(a_book(), deleted).when(lambda book: book.restore()).then((Book.Restored, {}))
    assert not book.deleted


def test_book_live_is_not_restored():
    given(a_book()).when(lambda book: book.restore()).raises(BookNotDeleted)


@pytest.mark.parametrize(
    "change",
    [
        lambda book: book.require_live(),
        lambda book: book.amend("House", None, None),
        lambda book: book.delete(),
        lambda book: book.add_category(NEW, "expense", "Rent"),
        lambda book: book.rename_category(FOOD_ID, "Rent"),
        lambda book: book.delete_category(FOOD_ID),
        lambda book: book.restore_category(FOOD_ID),
    ],
)
def test_book_deleted_refuses_every_change_but_restore(change):
    given(a_book(), deleted).when(change).raises(BookDeleted)


def test_category_added_is_offered():
    book = (
        given(a_book())
        .when(lambda book: book.add_category(NEW, "expense", "Rent"))
        .then((Book.CategoryAdded, {"category_id": NEW, "kind": "expense", "name": "Rent"}))
    )
    assert Category(NEW, "expense", "Rent") == book.category(NEW)


@pytest.mark.parametrize("name", ["Food", "food", "FOOD"])
def test_category_added_under_a_name_in_use_is_refused(name):
    error = given(a_book()).when(lambda book: book.add_category(NEW, "expense", name)).raises(CategoryExists)
    assert f"This book already has a category of that kind with the name “{name}”." == str(error)


def test_category_added_under_a_name_of_the_other_kind_is_accepted():
    given(a_book()).when(lambda book: book.add_category(NEW, "income", "Food")).then((Book.CategoryAdded, {}))


def test_category_added_under_the_name_of_a_deleted_one_is_accepted():
    story = given(a_book(), without_food).when(lambda book: book.add_category(NEW, "expense", "Food"))
    story.then((Book.CategoryAdded, {}))


def test_category_added_as_the_last_that_fits_is_accepted_and_one_more_is_refused():
    categories = [Category(an_id(100 + n), "expense", str(n)) for n in range(CATEGORIES_MAX - 1)]
    book = given(a_book(categories=categories)).when(lambda book: book.add_category(NEW, "expense", "Rent"))
    full = book.then((Book.CategoryAdded, {}))
    error = given(full).when(lambda book: book.add_category(UNKNOWN, "expense", "More")).raises(TooManyCategories)
    assert f"A book has at most {CATEGORIES_MAX} categories, deleted ones included." == str(error)


def test_category_added_beside_too_many_deleted_ones_is_refused():
    categories = [Category(an_id(100 + n), "expense", str(n), deleted=True) for n in range(CATEGORIES_MAX)]
    story = given(a_book(categories=categories)).when(lambda book: book.add_category(NEW, "expense", "Rent"))
    story.raises(TooManyCategories)


@pytest.mark.parametrize("name", ["Groceries", "FOOD", "Salary"])
def test_category_renamed_to_a_free_name_of_its_kind_has_it(name):
    book = (
        given(a_book())
        .when(lambda book: book.rename_category(FOOD_ID, name))
        .then((Book.CategoryRenamed, {"category_id": FOOD_ID, "name": name}))
    )
    assert Category(FOOD_ID, "expense", name) == book.category(FOOD_ID)


def test_category_renamed_to_its_own_name_records_nothing():
    given(a_book()).when(lambda book: book.rename_category(FOOD_ID, "Food")).then()


def test_category_renamed_to_the_name_of_another_is_refused():
    book = given(a_book(), lambda book: book.add_category(NEW, "expense", "Rent"))
    book.when(lambda book: book.rename_category(NEW, "fOOD")).raises(CategoryExists)


def test_category_deleted_stays_known_as_deleted():
    book = given(a_book()).when(without_food).then((Book.CategoryDeleted, {"category_id": FOOD_ID}))
    assert book.category(FOOD_ID).deleted


@pytest.mark.parametrize("change", [lambda book: book.rename_category(FOOD_ID, "Rent"), without_food])
def test_category_deleted_refuses_changes(change):
    given(a_book(), without_food).when(change).raises(CategoryDeleted)


def test_category_restored_is_live_again():
    book = given(a_book(), without_food).when(lambda book: book.restore_category(FOOD_ID))
    restored = book.then((Book.CategoryRestored, {"category_id": FOOD_ID}))
    assert restored.category(FOOD_ID) == FOOD


def test_category_live_is_not_restored():
    given(a_book()).when(lambda book: book.restore_category(FOOD_ID)).raises(CategoryNotDeleted)


def test_category_restored_after_its_name_was_taken_is_refused():
    book = given(a_book(), without_food, lambda book: book.add_category(NEW, "expense", "food"))
    book.when(lambda book: book.restore_category(FOOD_ID)).raises(CategoryExists)


@pytest.mark.parametrize(
    "change",
    [
        lambda book: book.category(UNKNOWN),
        lambda book: book.rename_category(UNKNOWN, "Rent"),
        lambda book: book.delete_category(UNKNOWN),
        lambda book: book.restore_category(UNKNOWN),
    ],
)
def test_category_unknown_is_not_found(change):
    given(a_book()).when(change).raises(CategoryNotFound)


def test_book_replayed_from_its_events_is_the_same():
    book = a_book()
    book.amend("House", "new", 5)
    book.add_category(NEW, "income", "Gift")
    book.rename_category(NEW, "Gifts")
    book.delete_category(FOOD_ID)
    book.restore_category(FOOD_ID)
    book.delete_category(SALARY.category_id)
    book.delete()
    book.restore()
    replayed = None
    for event in book.unrecorded_events():
        replayed = event.mutate(replayed)
    shown = ("id", "version", "name", "description", "currency", "opening_balance_minor", "members", "categories")
    assert {name: getattr(book, name) for name in shown} == {name: getattr(replayed, name) for name in shown}
    assert BOOK == replayed.id
    assert VIEWER not in replayed.members


@pytest.mark.parametrize(
    ("one", "other"), [("Straße", "STRASSE"), ("CAFÉ", "cafe\u0301"), ("식비", "\u1109\u1175\u11a8\u1107\u1175")]
)
def test_texts_that_differ_in_case_or_form_are_compared_as_equal(one, other):
    assert fold_case(one) == fold_case(other)
