"""A file for Beancount (https://beancount.github.io/docs/beancount_language_syntax.html): `bean-check` accepts it."""

import re
import unicodedata
from datetime import date
from typing import ClassVar, Final

from ledger.exports import EntryView
from ledger.exports.csv import join_tags
from ledger.exports.double_entry import DoubleEntryExport

_TAG: Final = re.compile(r"[A-Za-z0-9\-_/.]+")
_PREFIX: Final = "X"
"""Goes before names that do not begin with a capital or a digit, as Beancount wants them: no Korean name does."""


class BeancountExport(DoubleEntryExport):
    suffix: ClassVar = "beancount"
    roots: ClassVar = {"book": "Assets", "income": "Income", "expense": "Expenses"}
    opening: ClassVar = "Equity:Opening-Balances"
    transfers: ClassVar = "Equity:Transfers"

    def preamble(self) -> str:
        title, currency = quoted(self.head.name), self.head.currency
        return f'option "title" {title}\noption "operating_currency" "{currency}"\n'

    def declare(self, account: str, day: date, name: str | None) -> str:
        named = f"  name: {quoted(name)}\n" if name else ""
        return f"\n{day} open {account} {self.head.currency}\n{named}"

    def opening_title(self) -> str:
        return f'{self.head.opened_on} * "Opening balance"\n'

    def title(self, entry: EntryView) -> str:
        narration = quoted(entry["memo"] or "")
        return f'{entry["occurred_on"]} * {narration}{_marks(entry)}\n  id: "{entry["id"]}"\n{_other_tags(entry)}'

    def spell(self, part: str) -> str | None:
        """Join words by hyphens; where that could be read back in two ways, it is no spelling."""
        words = part.split(" ")
        if words[0] == _PREFIX or not all(word and all(map(_is_letter_or_digit, word)) for word in words):
            return None
        return _capital("-".join(words))

    def slug(self, part: str) -> str:
        kept = "".join(char if _is_letter_or_digit(char) else " " for char in part)
        return _capital("-".join(kept.split()))


def quoted(text: str) -> str:
    """Write a string as Beancount reads it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _capital(text: str) -> str:
    begins_well = text and unicodedata.category(text[0]) in {"Lu", "Nd"}
    return text if begins_well else f"{_PREFIX}-{text}".rstrip("-")


def _is_letter_or_digit(char: str) -> bool:
    return char.isalpha() or char.isdecimal()


def _marks(entry: EntryView) -> str:
    """The tags that the grammar takes, and a link that joins both sides of a transfer."""
    tags = "".join(f" #{tag}" for tag in entry["tags"] or [] if _TAG.fullmatch(tag))
    transfer = entry.get("transfer")
    return f"{tags} ^{transfer['id']}" if transfer else tags


def _other_tags(entry: EntryView) -> str:
    others = [tag for tag in entry["tags"] or [] if not _TAG.fullmatch(tag)]
    return f"  tags: {quoted(join_tags(others))}\n" if others else ""
