"""A journal for hledger (https://hledger.org/hledger.html#journal): `hledger check --strict` accepts it."""

import re
from datetime import date
from typing import ClassVar, Final

from ledger.exports import EntryView
from ledger.exports.double_entry import DoubleEntryExport

_NOT_IN_NAMES: Final = re.compile(r"[\s;]+")
"""Two spaces end an account's name, a semicolon begins a comment."""


class HledgerExport(DoubleEntryExport):
    suffix: ClassVar = "journal"
    roots: ClassVar = {"book": "assets", "income": "income", "expense": "expenses"}
    opening: ClassVar = "equity:opening-balances"
    transfers: ClassVar = "equity:transfers"

    def preamble(self) -> str:
        # A commodity's example needs its decimal mark, also where no decimals follow.
        decimals = "0" * len(self.head.opening_balance.partition(".")[2])
        return f"; {one_line(self.head.name)}\ndecimal-mark .\ncommodity 1000.{decimals} {self.head.currency}\n"

    def declare(self, account: str, _day: date, _name: str | None) -> str:
        return f"\naccount {account}\n"

    def opening_title(self) -> str:
        return f"{self.head.opened_on} * opening balance\n"

    def title(self, entry: EntryView) -> str:
        # The id stands where a code does, so that a memo in parentheses is not taken for one.
        title = f"{entry['occurred_on']} * ({entry['id']}) {one_line(entry['memo'] or '')}".rstrip()
        return f"{title}\n{_comment(entry)}"

    def spell(self, part: str) -> str | None:
        return part if part and part == self.slug(part) else None

    def slug(self, part: str) -> str:
        return _NOT_IN_NAMES.sub(" ", part).strip()


def one_line(text: str) -> str:
    """Put text where the line ends it, as does a semicolon: there is no escape, so a wide one stands for it."""
    return " ".join(text.replace(";", "；").split())


def _comment(entry: EntryView) -> str:
    """A tag's value ends at a comma."""
    tags = [f"tags:{one_line(tag).replace(',', '，')}" for tag in entry["tags"] or []]
    if entry.get("transfer"):
        tags.append(f"transfer:{entry['transfer']['id']}")
    return f"  ; {', '.join(tags)}\n" if tags else ""
