"""Read model: income, expense and transfers per day and per month, by category and member."""

from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from eventstore.codec import RecordedEvent
from eventstore.database import Transaction
from eventstore.sql import statement
from ledger.entry import TRANSFER_IN, Entry, Posting
from ledger.errors import BookNotFound
from ledger.money import format_amount
from projections.engine import Engine, ReadModel

_ADD = statement(__package__, "add_totals")
_LOAD_AUTHORS = statement(__package__, "load_authors")
_GET = statement(__package__, "get_totals")
_GET_BOOK = statement(__package__, "get_book")

GROUPINGS: Final = ("day", "month", "category", "member")
NONE: Final = UUID(int=0)
"""Stands in a key for no category, and for the system as member."""
_DAY: Final = timedelta(days=1)

Key = tuple[UUID, str, date, UUID, UUID]
Stream = tuple[UUID, UUID]


@dataclass
class Sums:
    """Entries are counted by income and expense; what is transferred belongs to neither."""

    income_minor: int = 0
    expense_minor: int = 0
    transferred_minor: int = 0
    entry_count: int = 0

    def add(self, posting: Posting, sign: int) -> None:
        amount_minor = sign * posting.amount_minor
        match posting.kind:
            case "income":
                self.income_minor += amount_minor
                self.entry_count += sign
            case "expense":
                self.expense_minor += amount_minor
                self.entry_count += sign
            case _:
                self.transferred_minor += amount_minor if posting.kind == TRANSFER_IN else -amount_minor


def fold(events: Iterable[RecordedEvent], authors: dict[Stream, UUID | None] | None = None) -> dict[Key, Sums]:
    """What events add to each day and month, negative where they take away.

    `authors`: who recorded the entries that these events change but do not record.
    """
    sums: dict[Key, Sums] = {}
    known = dict(authors or {})
    for recorded in events:
        stream = (recorded.journal_id, recorded.stream_id)
        if recorded.version == 1:
            known[stream] = recorded.actor
        for name, sign in (("removes", -1), ("adds", 1)):
            posting: Posting | None = getattr(recorded.event, name, None)
            if posting is None:
                continue
            dimensions = (posting.category_id or NONE, known[stream] or NONE)
            day, month = posting.occurred_on, posting.occurred_on.replace(day=1)
            for grain, starts_on in (("day", day), ("month", month)):
                key = (recorded.journal_id, grain, starts_on, *dimensions)
                sums.setdefault(key, Sums()).add(posting, sign)
    return sums


async def project(transaction: Transaction, events: Sequence[RecordedEvent]) -> None:
    of_entries = [event for event in events if isinstance(event.event, Entry.Event)]
    authors = await load_authors(transaction, of_entries)
    rows = [(*key, *vars(sums).values()) for key, sums in fold(of_entries, authors).items()]
    if rows:
        await transaction.execute(_ADD, *zip(*rows, strict=True))


async def load_authors(transaction: Transaction, events: Iterable[RecordedEvent]) -> dict[Stream, UUID | None]:
    """Who recorded the entries that events change."""
    earlier = list({(event.journal_id, event.stream_id) for event in events if event.version > 1})
    rows = await transaction.fetch(_LOAD_AUTHORS, *zip(*earlier, strict=True)) if earlier else []
    return {(row["journal_id"], row["stream_id"]): row["author_id"] for row in rows}


TOTALS: Final = ReadModel("totals", "book", 2, ("totals",), project, sealed=False)


class Piece(NamedTuple):
    """A run of single days, or of whole months; both ends included."""

    grain: str
    first: date
    last: date


def cut(day_min: date, day_max: date) -> list[Piece]:
    """Cut a range of days, both ends included, into whole months and the single days before and after them."""
    first_end, last_end = month_end(day_min), month_end(day_max)
    if day_min.day > 1 or day_max < first_end:
        piece = Piece("day", day_min, min(day_max, first_end))
    else:
        piece = Piece("month", day_min, day_max if day_max == last_end else day_max.replace(day=1) - _DAY)
    return [piece, *(cut(piece.last + _DAY, day_max) if piece.last < day_max else [])]


def month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


async def get_totals(
    engine: Engine, user_id: UUID | None, book_id: UUID, day_min: date, day_max: date, group_by: str | None
) -> dict[str, Any]:
    """Sum a book's live entries over a range of days, both ends included.

    The balance is that at the end of `day_max`. Raises: BookNotFound.
    """
    if (day_min, day_max, group_by) == (date.min, date.max, None):
        return await _get_all_time(engine, user_id, book_id)
    pieces = [Piece("day", day_min, day_max)] if group_by == "day" else cut(day_min, day_max)
    later = cut(day_max + _DAY, date.max) if day_max < date.max else []
    columns = [*zip(*pieces, strict=True), *(zip(*later, strict=True) if later else ((),) * len(Piece._fields))]
    rows = await engine.fetch_fresh(_GET, user_id, book_id, *columns, group_by)
    if not rows or rows[0]["role"] is None:
        raise BookNotFound
    return totals_view(rows, rows[0]["currency"], rows[0]["opening_balance_minor"], group_by)


async def _get_all_time(engine: Engine, user_id: UUID | None, book_id: UUID) -> dict[str, Any]:
    """What the row of the book has summed up already."""
    rows = await engine.fetch_fresh(_GET_BOOK, user_id, book_id)
    if not rows or rows[0]["role"] is None:
        raise BookNotFound
    book = rows[0]
    flows = book["income_minor"] - book["expense_minor"] + book["transferred_minor"]
    return totals_view([{**book, "dated_until_minor": flows}], book["currency"], book["opening_balance_minor"], None)


def totals_view(rows: Sequence[Any], currency: str, opening_balance_minor: int, group_by: str | None) -> dict[str, Any]:
    """Show sums; each row tells those of a group, and what is dated until the end of the range."""
    found = [row for row in rows if row["entry_count"]]
    income = sum(int(row["income_minor"]) for row in found)
    expense = sum(int(row["expense_minor"]) for row in found)
    balance = opening_balance_minor + rows[0]["dated_until_minor"]
    return {
        "currency": currency,
        "income": format_amount(income, currency),
        "expense": format_amount(expense, currency),
        "total": format_amount(income - expense, currency),
        "opening_balance": format_amount(int(opening_balance_minor), currency),
        "balance": format_amount(int(balance), currency),
        "groups": [_group(row, currency) for row in found] if group_by else [],
    }


def _group(row: Any, currency: str) -> dict[str, Any]:
    income, expense = int(row["income_minor"]), int(row["expense_minor"])
    return {
        "key": row["key"],
        "income": format_amount(income, currency),
        "expense": format_amount(expense, currency),
        "total": format_amount(income - expense, currency),
        "count": int(row["entry_count"]),
    }
