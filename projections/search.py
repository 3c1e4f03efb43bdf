"""Search: the text in which entries and categories are sought, and the terms by which an index finds candidates.

A term is an integer: a code of what is sought, mixed with a salt of the journal so that each book has its own. Terms
only narrow the search down, what they find is compared with the text itself: two that happen to be equal do no harm.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from typing import Final, NamedTuple
from uuid import UUID

from ledger.book import fold_case
from ledger.money import MINOR_DIGITS_MAX

TAG_SEPARATOR: Final = "\x1f"
BREAK: Final = "\x1e"
"""Stands before the initials and, in them, for all that has none. No query holds it: control characters are refused."""

_CODE_BITS: Final = 42
_SAMPLE: Final = 1 << _CODE_BITS
"""Beyond all codes of texts and names; after it come those of magnitudes."""
SAMPLE_OF: Final = 16
"""One entry in so many is a sample: by these it is told beforehand how many an index will find."""
_SALT_BITS: Final = 62
_POINT_BITS: Final = 21  # of a code point
_CONTROLS: Final = 0x1F
_SEPARATORS: Final = frozenset(map(ord, TAG_SEPARATOR + BREAK))
_FIRST_SYLLABLE, _LAST_SYLLABLE = ord("가"), ord("힣")
_INITIALS: Final = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_SYLLABLES_PER_INITIAL: Final = 21 * 28
_INITIAL_OF: Final = {
    _FIRST_SYLLABLE + number: _INITIALS[number // _SYLLABLES_PER_INITIAL]
    for number in range(_LAST_SYLLABLE - _FIRST_SYLLABLE + 1)
}
_SYLLABLE: Final = re.compile("[가-힣]")
_WITHOUT_INITIAL: Final = re.compile("[^가-힣ㄱ-ㅎ ]+")


class Magnitude(NamedTuple):
    """Amounts of so many digits from 1, 2 or 5 on, both ends included: a piece of an order by amount.

    Smaller pieces are more to ask for, larger ones hold more that no page shows: as with coins, these do for any book.
    """

    code: int
    least_minor: int
    most_minor: int


MAGNITUDES: Final = tuple(
    Magnitude(_SAMPLE + 10 * digits + first, first * 10 ** (digits - 1), beyond * 10 ** (digits - 1) - 1)
    for digits in range(1, MINOR_DIGITS_MAX + 1)
    for first, beyond in ((1, 2), (2, 5), (5, 10))
)
"""All there are, the smallest first."""
_FIRST_OF_MAGNITUDE: Final = {digit: 1 if digit < "2" else 2 if digit < "5" else 5 for digit in "123456789"}


def searchable(text: str) -> str:
    """Fold a text; where it has Hangul, its initial consonants (초성) follow: 식비 is found by ㅅㅂ.

    They are set apart by BREAK and hold consonants and spaces alone, so only a query of those finds anything there.
    """
    folded = fold_case(text)
    if not _SYLLABLE.search(folded):
        return folded
    return folded + BREAK + _WITHOUT_INITIAL.sub(BREAK, folded).translate(_INITIAL_OF)


def searchable_entry(memo: str | None, tags: list[str] | None) -> str:
    """The text of an entry: its memo, then each tag between separators."""
    return searchable(TAG_SEPARATOR.join([memo or "", *(tags or []), ""]))


def salt_of(journal_id: UUID) -> int:
    """Terms of one journal share their highest bits, and lie together in the index."""
    return journal_id.int & (1 << _SALT_BITS) - 1


def terms_of_entry(
    journal_id: UUID, entry_id: UUID, searched: str, category_id: UUID | None, kind: str, amount_minor: int
) -> list[int]:
    """Everything by which an entry, with its searchable text, can be found."""
    salt, points = salt_of(journal_id), _points(searched)
    codes = {*_pairs(points), *points}
    codes -= _SEPARATORS
    codes.update(map(_named, searched.partition(BREAK)[0].split(TAG_SEPARATOR)[1:-1]))
    codes.add(_kind(kind))
    codes.add(_magnitude(amount_minor))
    if entry_id.int % SAMPLE_OF == 0:  # all of it is random but its beginning
        codes.add(_SAMPLE)
    if category_id is not None:
        codes.add(_category(category_id))
    return [salt ^ code for code in codes]


def terms_of_part(journal_id: UUID, part: str) -> list[int]:
    """The terms of every text that holds this folded part: pairs of its characters, or its only character.

    Each pair costs the index a list to go through: every other one, and the last, have all the characters.
    """
    salt, points = salt_of(journal_id), _points(part)
    pairs = _pairs(points)
    return [salt ^ code for code in dict.fromkeys(pairs[::2] + pairs[-1:] or points)]


def term_of_tag(journal_id: UUID, folded_tag: str) -> int:
    return salt_of(journal_id) ^ _named(folded_tag)


def term_of_kind(journal_id: UUID, kind: str) -> int:
    return salt_of(journal_id) ^ _kind(kind)


def term_of_category(journal_id: UUID, category_id: UUID) -> int:
    """The same as in find_entries_by_terms.sql, which finds categories by their names."""
    return salt_of(journal_id) ^ _category(category_id)


def term_of_magnitude(journal_id: UUID, magnitude: Magnitude) -> int:
    return salt_of(journal_id) ^ magnitude.code


def term_of_sample(journal_id: UUID) -> int:
    return salt_of(journal_id) ^ _SAMPLE


def _points(text: str) -> Sequence[int]:
    return memoryview(text.encode("utf-32-le")).cast("I")


def _pairs(points: Sequence[int]) -> list[int]:
    """Pairs of characters, but for those of a separator: no query holds one."""
    return [a << _POINT_BITS | b for a, b in pairwise(points) if a > _CONTROLS < b]


def _category(category_id: UUID) -> int:
    return category_id.int & 0xFF_FFFF_FFFF


def _kind(kind: str) -> int:
    return _named(TAG_SEPARATOR + kind)


def _magnitude(amount_minor: int) -> int:
    digits = str(amount_minor)
    return _SAMPLE + 10 * len(digits) + _FIRST_OF_MAGNITUDE[digits[0]]


@lru_cache(10_000)
def _named(name: str) -> int:
    """The same few tags are used again and again, and hashing costs more than finding."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) >> 64 - _CODE_BITS
