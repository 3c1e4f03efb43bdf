"""A book as a file: each format is a class that writes what comes before the entries, and then the entries.

Writers are pure and keep nothing of an entry, so a book of any length goes through them in pieces.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, Protocol

EntryView = dict[str, Any]
"""What is exported of an entry, by the names that ledger.views.entry_view gives it."""


@dataclass(frozen=True)
class Head:
    """What a file tells of its book before the entries.

    `opening_balance` is a decimal string, perhaps negative; `opened_on` is not later than the first entry.
    """

    name: str
    currency: str
    opening_balance: str
    opened_on: date


class Export(Protocol):
    """One file under way."""

    media_type: ClassVar[str]
    suffix: ClassVar[str]

    def __init__(self, head: Head) -> None: ...

    def begin(self) -> bytes:
        """What comes before the entries."""

    def write(self, entries: Iterable[EntryView]) -> bytes:
        """The next entries, in the order of their days."""


def category_name(entry: EntryView) -> str | None:
    """The name of an entry's category; None without one, and once the book's text was erased."""
    name: str | None = entry["category"] and entry["category"]["name"]
    return name
