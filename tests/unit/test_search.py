"""Search terms: whatever holds a text is found by its terms, and each book has its own."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.book import fold_case
from projections.search import (
    MAGNITUDES,
    salt_of,
    searchable,
    searchable_entry,
    term_of_category,
    term_of_kind,
    term_of_magnitude,
    term_of_sample,
    term_of_tag,
    terms_of_entry,
    terms_of_part,
)
from tests.given import an_id
from tests.told import BOOK, FOOD

TEXTS = st.text(st.sampled_from("식비점심ㅅㅂㅋ aB1ß京é🍜'\t"), max_size=12)
ENTRY = an_id(17)
TAGS = st.lists(TEXTS.filter(bool), max_size=3)


def terms(memo, tags=(), category_id=None, kind="expense", amount_minor=4500, journal_id=BOOK, entry_id=ENTRY):
    searched = searchable_entry(memo, list(tags))
    return set(terms_of_entry(journal_id, entry_id, searched, category_id, kind, amount_minor))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("식비", "식비\x1eㅅㅂ"),
        ("점심 김치찌개", "점심 김치찌개\x1eㅈㅅ ㄱㅊㅉㄱ"),
        ("KTX 부산행 2번", "ktx 부산행 2번\x1e\x1e ㅂㅅㅎ \x1eㅂ"),
        ("커피 ㅋㅋ", "커피 ㅋㅋ\x1eㅋㅍ ㅋㅋ"),
        ("가힣", "가힣\x1eㄱㅎ"),
        ("ㅋㅋ", "ㅋㅋ"),
        ("Straße", "strasse"),
        ("", ""),
    ],
)
def test_text_with_hangul_is_followed_by_its_initial_consonants(text, expected):
    assert expected == searchable(text)


@given(TEXTS, TAGS, st.data())
def test_every_part_of_a_text_is_found_by_its_terms(memo, tags, data):
    text = fold_case(data.draw(st.sampled_from([memo, *tags])))
    start = data.draw(st.integers(0, len(text)))
    part = text[start : data.draw(st.integers(start, len(text)))]
    found = set(terms_of_part(BOOK, part))
    assert found <= terms(memo, tags)
    assert bool(part) == bool(found)


@given(TEXTS, TAGS)
def test_initial_consonants_are_found_by_their_terms(memo, tags):
    initials = searchable(memo).partition("\x1e")[2]
    for part in initials.split("\x1e"):
        assert set(terms_of_part(BOOK, part)) <= terms(memo, tags)


@given(TEXTS, TAGS)
def test_every_tag_category_and_kind_has_its_term(memo, tags):
    found = terms(memo, tags, FOOD.category_id, "transfer")
    assert {term_of_tag(BOOK, fold_case(tag)) for tag in tags} <= found
    assert {term_of_category(BOOK, FOOD.category_id), term_of_kind(BOOK, "transfer")} <= found


def test_terms_tell_texts_tags_categories_and_kinds_apart():
    found = terms("점심", ["집"], FOOD.category_id, "expense")
    for other in (
        term_of_tag(BOOK, "점심"),
        term_of_tag(BOOK, "expense"),
        term_of_category(BOOK, an_id(99)),
        term_of_kind(BOOK, "income"),
        *terms_of_part(BOOK, "심점"),
        *terms_of_part(BOOK, "심집"),  # not across memo and tag
    ):
        assert other not in found


@given(TEXTS, TAGS, st.uuids(), st.uuids(), st.uuids())
def test_terms_are_numbers_of_63_bits_and_those_of_two_books_have_nothing_in_common(memo, tags, one, other, category):
    found = terms(memo, tags, category, journal_id=one)
    assert all(0 <= term < 2**63 for term in found)
    if salt_of(one) >> 43 != salt_of(other) >> 43:
        assert found.isdisjoint(terms(memo, tags, category, journal_id=other))


def test_text_that_was_erased_has_no_terms_but_those_of_its_kind_and_amount():
    (magnitude,) = (magnitude for magnitude in MAGNITUDES if magnitude.least_minor == 2_000)
    assert {term_of_kind(BOOK, "expense"), term_of_magnitude(BOOK, magnitude)} == terms(None, amount_minor=4_999)


def test_one_entry_in_sixteen_has_the_term_of_samples():
    sample = term_of_sample(BOOK)
    assert [an_id(16), an_id(32)] == [an_id(n) for n in range(1, 33) if sample in terms("점심", entry_id=an_id(n))]


def test_magnitudes_follow_each_other_from_the_least_amount_to_the_most():
    assert (1, 10**18 - 1) == (MAGNITUDES[0].least_minor, MAGNITUDES[-1].most_minor)
    assert all(below.most_minor + 1 == above.least_minor for below, above in pairwise(MAGNITUDES))


@given(st.integers(1, 10**18 - 1))
def test_every_amount_has_the_term_of_its_magnitude_and_of_no_other(amount_minor):
    found = terms("점심", amount_minor=amount_minor)
    having = [magnitude for magnitude in MAGNITUDES if term_of_magnitude(BOOK, magnitude) in found]
    assert [(True, True)] == [(one.least_minor <= amount_minor, amount_minor <= one.most_minor) for one in having]
