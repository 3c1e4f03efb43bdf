"""The batch, and how the rows of a file are recognised when they come again."""

from datetime import date

import pytest
from hypothesis import given as property_given
from hypothesis import strategies

from ledger.batch import Batch, Recogniser, Row
from ledger.commands.spool import CHUNK_ITEMS, spooled
from ledger.errors import BatchReverted
from tests.given import an_id, given

ROW = Row(2, "expense", 12_000, date(2026, 3, 5), "식비", "점심", ("외식",))


def a_batch():
    return Batch(id=an_id(9), format="csv", created=2, duplicates=1)


def identities(*rows, key=b"key"):
    recogniser = Recogniser(key)
    return [recogniser.identify(row) for row in rows]


def changed(**fields):
    names = ROW.__struct_fields__
    return Row(**{name: getattr(ROW, name) for name in names} | fields)


def test_batch_reverted_notes_how_many_entries_it_deleted():
    reverted = given(a_batch()).when(lambda batch: batch.revert(2)).then((Batch.Reverted, {"deleted": 2}))
    assert (True, 2) == (reverted.reverted, reverted.deleted)


def test_batch_reverted_before_is_refused():
    given(a_batch(), lambda batch: batch.revert(2)).when(lambda batch: batch.revert(0)).raises(BatchReverted)


def test_file_that_comes_again_has_the_same_identities():
    rows = [ROW, changed(memo="b"), ROW, ROW]
    assert identities(*rows) == identities(*rows)


def test_equal_rows_of_one_file_have_identities_of_their_own():
    assert 3 == len(set(identities(ROW, ROW, ROW)))


def test_place_in_the_file_and_origin_are_no_part_of_the_identity():
    assert identities(ROW) == identities(changed(line=9, known_as=an_id(7)))


def test_category_is_compared_without_case():
    assert identities(changed(category="Food")) == identities(changed(category="FOOD"))


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "income"},
        {"amount_minor": 12_001},
        {"occurred_on": date(2026, 3, 6)},
        {"category": None},
        {"category": "교통"},
        {"memo": "점심 "},
        {"tags": ()},
        {"tags": ("외식", "가족")},
    ],
)
def test_row_that_says_something_else_has_another_identity(fields):
    assert identities(ROW) != identities(changed(**fields))


def test_books_recognise_their_own_rows_alone():
    assert identities(ROW, key=b"one") != identities(ROW, key=b"other")


def test_entry_of_each_generation_has_another_id():
    recogniser = Recogniser(b"key")
    ids = {recogniser.entry_id(identity, generation) for identity in identities(ROW, ROW) for generation in range(3)}
    assert (6, {8}) == (len(ids), {entry_id.version for entry_id in ids})


@property_given(strategies.lists(strategies.sampled_from([ROW, changed(memo="b"), changed(tags=())])))
def test_rows_are_told_apart_whatever_their_order(rows):
    assert len(rows) == len(set(identities(*rows)))
    assert set(identities(*rows)) == set(identities(*reversed(rows)))


@pytest.mark.parametrize("length", [0, 1, CHUNK_ITEMS, CHUNK_ITEMS + 1, 3 * CHUNK_ITEMS])
def test_spool_gives_back_what_was_added_as_often_as_asked(length):
    rows = [changed(line=number, known_as=an_id(number) if number % 2 else None) for number in range(length)]
    with spooled(Row) as spool:
        for row in rows:
            spool.add(row)
        for _ in range(2):
            assert rows == [row for chunk in spool.chunks() for row in chunk]
        assert length == spool.length
