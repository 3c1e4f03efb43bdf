"""Read model: income, expense and transfers per day, month and year, by category and member; per month also in all."""

from calendar import monthrange
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from eventstore.codec import RecordedEvent
from eventstore.database import Transaction
from eventstore.sql import statement
from ledger.entry import Entry
from ledger.money import format_amount
from projections.engine import Engine, ReadModel
from projections.postings import NONE, Stream, Sums, add, authored, net_minor
from projections.reading import head_of

_ADD = statement(__package__, "add_totals")
_LOAD_AUTHORS = statement(__package__, "load_authors")
_GET = statement(__package__, "get_totals")
_GET_BOOK = statement(__package__, "get_book")

GRAINS: Final = {
    "day": (),
    "month": ("whole_month",),
    None: ("whole_month",),
    "category": ("month", "year"),
    "member": ("month", "year"),
}
"""What a range is summed up from for each grouping, besides single days: the longer a grain, the fewer its rows."""
GROUPINGS: Final = tuple(name for name in GRAINS if name)
_DAY: Final = timedelta(days=1)

Key = tuple[UUID, date, UUID, UUID]
"""Journal, day, category and member."""


def fold(events: Iterable[RecordedEvent], authors: dict[Stream, UUID | None] | None = None) -> dict[Key, Sums]:
    """What events add to each day, negative where they take away; the database sums longer grains up from that.

    Entries are counted by income and expense; what is transferred belongs to neither.
    `authors`: who recorded the entries that these events change but do not record.
    """
    days: dict[Key, Sums] = {}
    for journal_id, member_id, posting, sign in authored(events, authors or {}):
        key = (journal_id, posting.occurred_on, posting.category_id or NONE, member_id)
        sums = days.setdefault(key, Sums())
        sums.entry_count += sign if posting.kind in {"income", "expense"} else 0
        add(sums, posting, sign)
    return days


async def project(transaction: Transaction, events: Sequence[RecordedEvent]) -> None:
    of_entries = [event for event in events if isinstance(event.event, Entry.Event)]
    authors = await load_authors(transaction, of_entries)
    rows = [
        (journal_id, day, day.replace(day=1), day.replace(month=1, day=1), *of, *map(str, vars(sums).values()))
        for (journal_id, day, *of), sums in fold(of_entries, authors).items()
    ]
    if rows:
        await transaction.execute(_ADD, *zip(*rows, strict=True))


async def load_authors(transaction: Transaction, events: Iterable[RecordedEvent]) -> dict[Stream, UUID | None]:
    """Who recorded the entries that events change."""
    earlier = list({(event.journal_id, event.stream_id) for event in events if event.version > 1})
    rows = await transaction.fetch(_LOAD_AUTHORS, *zip(*earlier, strict=True)) if earlier else []
    return {(row["journal_id"], row["stream_id"]): row["author_id"] for row in rows}


TOTALS: Final = ReadModel("totals", "book", 3, ("totals",), project, sealed=False)


class Piece(NamedTuple):
    """A run of single days, of whole months or of whole years; both ends included."""

    grain: str
    first: date
    last: date


def cut(day_min: date, day_max: date, grains: Sequence[str] = GRAINS[None]) -> list[Piece]:
    """Cut a range of days, both ends included, into whole spans of these grains, the longest last, and single days."""
    piece = _first_piece(day_min, day_max, grains)
    return [piece, *(cut(piece.last + _DAY, day_max, grains) if piece.last < day_max else [])]


def _first_piece(day_min: date, day_max: date, grains: Sequence[str]) -> Piece:
    if not grains:
        return Piece("day", day_min, day_max)
    *shorter, grain = grains
    first, last = _span(grain, day_min)
    if day_min > first or day_max < last:
        return _first_piece(day_min, min(day_max, last), shorter)
    begun, end = _span(grain, day_max)
    return Piece(grain, day_min, day_max if day_max == end else begun - _DAY)


def _span(grain: str, day: date) -> tuple[date, date]:
    """The first and the last day of the year or the month of a day."""
    if grain == "year":
        return day.replace(month=1, day=1), day.replace(month=12, day=31)
    return day.replace(day=1), month_end(day)


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
    pieces = cut(day_min, day_max, GRAINS[group_by])
    later = cut(day_max + _DAY, date.max) if day_max < date.max else []
    columns = [*zip(*pieces, strict=True), *(zip(*later, strict=True) if later else ((),) * len(Piece._fields))]
    rows = await engine.fetch_fresh(_GET, user_id, book_id, *columns, group_by)
    head = head_of(rows)
    return totals_view(rows, head["currency"], head["opening_balance_minor"], group_by)


async def _get_all_time(engine: Engine, user_id: UUID | None, book_id: UUID) -> dict[str, Any]:
    """What the row of the book has summed up already."""
    book = head_of(await engine.fetch_fresh(_GET_BOOK, user_id, book_id))
    row = {**book, "dated_until_minor": net_minor(book)}
    return totals_view([row], book["currency"], book["opening_balance_minor"], None)


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
