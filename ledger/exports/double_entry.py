"""What the formats of plain-text accounting share: each entry moves money between its book and one other account."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from datetime import date
from typing import ClassVar, Final

from ledger.exports import EntryView, Head, category_name

UNCATEGORIZED: Final = "Uncategorized"
MARK: Final = "--"
"""Before the digest in a name that was made; a name that has it already is not taken as it is."""


class DoubleEntryExport(ABC):
    """A file of transactions; accounts are declared as the first entry that needs them comes by."""

    media_type: ClassVar = "text/plain; charset=utf-8"
    roots: ClassVar[dict[str, str]]
    """What accounts begin with: that of the `book`, those of categories by the `kind` of entries."""
    opening: ClassVar[str]
    transfers: ClassVar[str]

    def __init__(self, head: Head) -> None:
        self.head = head
        self._book = self._account("book", head.name)
        self._accounts: dict[tuple[str, str | None], str] = {}

    def begin(self) -> bytes:
        head = self.head
        lines = [self.preamble(), self.declare(self._book, head.opened_on, head.name)]
        if head.opening_balance.strip("-0."):
            lines.append(self.declare(self.opening, head.opened_on, None))
            lines += self._posted(self.opening_title(), head.opening_balance, self.opening)
        return "".join(lines).encode()

    def write(self, entries: Iterable[EntryView]) -> bytes:
        return "".join(line for entry in entries for line in self._lines(entry)).encode()

    @abstractmethod
    def preamble(self) -> str:
        """What a file begins with."""

    @abstractmethod
    def declare(self, account: str, day: date, name: str | None) -> str:
        """Make an account known, used from this day on and named like this outside (None: by us)."""

    @abstractmethod
    def opening_title(self) -> str:
        """The first lines of the transaction that brings the opening balance."""

    @abstractmethod
    def title(self, entry: EntryView) -> str:
        """The first lines of an entry's transaction."""

    @abstractmethod
    def spell(self, part: str) -> str | None:
        """Write a part of a name, one to one, as the grammar takes it; None where it cannot be."""

    @abstractmethod
    def slug(self, part: str) -> str:
        """Keep of a part of a name what the grammar takes."""

    def _lines(self, entry: EntryView) -> Iterator[str]:
        kind, name = entry["kind"], category_name(entry)
        account = self._accounts.get((kind, name))
        if account is None:
            account = self._accounts[kind, name] = self._account(kind, name) if kind in self.roots else self.transfers
            yield self.declare(account, entry["occurred_on"], name)
        amount = entry["amount"]
        yield from self._posted(self.title(entry), amount if _is_inflow(entry) else negated(amount), account)

    def _posted(self, title: str, change: str, account: str) -> Iterator[str]:
        currency = self.head.currency
        yield f"\n{title}  {self._book}  {change} {currency}\n  {account}  {negated(change)} {currency}\n"

    def _account(self, kind: str, name: str | None) -> str:
        """Name an account: different names give different ones, and a name the same one in every export.

        The kind is the entry's own, by which totals go; its category may be of the other kind, as with a refund.
        A colon in a name makes a sub-account.
        """
        parts = [UNCATEGORIZED] if name is None else map(self._part, name.split(":"))
        return ":".join([self.roots[kind], *parts])

    def _part(self, text: str) -> str:
        spelt = self.spell(text)
        if spelt is not None and spelt != UNCATEGORIZED and MARK not in spelt:
            return spelt
        return f"{self.slug(text)}{MARK}{hashlib.blake2b(text.encode(), digest_size=5).hexdigest()}"


def negated(amount: str) -> str:
    """Turn the sign of a decimal string."""
    return amount[1:] if amount.startswith("-") else f"-{amount}"


def _is_inflow(entry: EntryView) -> bool:
    transfer = entry.get("transfer")
    return bool(transfer["direction"] == "in" if transfer else entry["kind"] == "income")
