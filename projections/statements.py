"""Read model: statements, what came in and went out in each month and the balance that it began and ended with."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from itertools import accumulate
from typing import Any, Final
from uuid import UUID

from eventstore.codec import RecordedEvent
from eventstore.database import Transaction
from eventstore.sql import statement
from ledger.entry import Entry
from ledger.money import format_amount
from ledger.views import category_view, view_of_category
from projections.engine import Engine, ReadModel
from projections.moments import Moment
from projections.paging import Page, page_of
from projections.past import sum_entries_at
from projections.past_books import read_past
from projections.postings import Sums, add, moved, net_minor
from projections.reading import head_of
from projections.totals import month_end

_ADD = statement(__package__, "add_statements")
_GET = statement(__package__, "get_statement")
_LIST = statement(__package__, "list_statements")

_SUMS: Final = ("income_minor", "expense_minor", "transferred_minor")

Key = tuple[UUID, date]


def fold(events: Iterable[RecordedEvent]) -> dict[Key, Sums]:
    """What events add to each month, negative where they take away; entries are counted whatever their kind."""
    months: dict[Key, Sums] = {}
    for recorded in events:
        if not isinstance(recorded.event, Entry.Event):
            continue
        for posting, sign in moved(recorded.event):
            sums = months.setdefault((recorded.journal_id, posting.occurred_on.replace(day=1)), Sums())
            sums.entry_count += sign
            add(sums, posting, sign)
    return months


async def project(transaction: Transaction, events: Sequence[RecordedEvent]) -> None:
    rows = [(*key, *vars(sums).values()) for key, sums in fold(events).items()]
    if rows:
        await transaction.execute(_ADD, *zip(*rows, strict=True))


STATEMENTS: Final = ReadModel("statements", "book", 1, ("statements",), project, sealed=False)


async def get_statement(engine: Engine, user_id: UUID | None, book_id: UUID, month: date) -> dict[str, Any]:
    """Tell what happened in a month, named by its first day; zeros where nothing did. Raises: BookNotFound."""
    rows = await engine.fetch_fresh(_GET, user_id, book_id, month)
    head = head_of(rows)
    return _statement(month, rows, head["closing_balance_minor"], head["currency"], _category)


def _category(row: Any) -> dict[str, Any] | None:
    if row["category_id"] is None:
        return None
    return category_view(row["category_id"], row["name"], row["kind"], deleted=row["deleted"])


async def get_statement_at(
    engine: Engine, user_id: UUID | None, book_id: UUID, month: date, moment: Moment
) -> dict[str, Any]:
    """The statement of a month as it was known at a moment. Raises: BookNotFound."""
    past = await read_past(engine, user_id, book_id, moment)
    rows = await sum_entries_at(engine, past.at, month, month_end(month), "category")
    categories = {str(id_): view_of_category(category) for id_, category in past.at.categories.items()}
    closing_minor = past.book.opening_balance_minor + rows[0]["dated_until_minor"]
    return _statement(month, rows, closing_minor, past.book.currency, lambda row: categories.get(row["key"]))


def _statement(
    month: date,
    rows: Sequence[Any],
    closing_minor: int,
    currency: str,
    category: Callable[[Any], dict[str, Any] | None],
) -> dict[str, Any]:
    """Show a month of which each row tells the sums of a category."""
    by_category = [
        {
            "category": category(row),
            "income": format_amount(int(row["income_minor"]), currency),
            "expense": format_amount(int(row["expense_minor"]), currency),
            "count": int(row["entry_count"]),
        }
        for row in rows
        if row["entry_count"]
    ]
    sums = {name: sum(row[name] or 0 for row in rows) for name in _SUMS}
    return {**_month_view(month, sums, closing_minor, currency), "by_category": by_category}


async def list_statements(engine: Engine, user_id: UUID | None, book_id: UUID, page: Page) -> dict[str, Any]:
    """List the months that have entries, latest first, without their categories. Raises: BookNotFound."""
    (before,) = page.after or (date.max,)
    rows = await engine.fetch_fresh(_LIST, user_id, book_id, before, page.limit + 1)
    currency = head_of(rows)["currency"]
    found = [(row["month"], row, row["closing_balance_minor"]) for row in rows if row["month"] is not None]
    return _page_of(found, page, currency)


async def list_statements_at(
    engine: Engine, user_id: UUID | None, book_id: UUID, page: Page, moment: Moment
) -> dict[str, Any]:
    """List the months that had entries at a moment, latest first. Raises: BookNotFound."""
    past = await read_past(engine, user_id, book_id, moment)
    (before,) = page.after or (date.max,)
    summed = await sum_entries_at(engine, past.at, date.min, date.max, "month")
    rows = [row for row in summed if row["key"] is not None]
    months = [date.fromisoformat(f"{row['key']}-01") for row in rows]
    balances = list(accumulate(map(net_minor, rows), initial=past.book.opening_balance_minor))[1:]
    found = [each for each in zip(months, rows, balances, strict=True) if each[0] < before]
    return _page_of(found[::-1], page, past.book.currency)


def _page_of(found: Sequence[tuple[date, Any, int]], page: Page, currency: str) -> dict[str, Any]:
    """Show a page of months, each with its sums and the balance at its end."""

    def view(row: tuple[date, Any, int]) -> dict[str, Any]:
        month, sums, closing_minor = row
        return _month_view(month, sums, closing_minor, currency)

    return page_of(found, page, view, lambda row: (row[0],))


def _month_view(month: date, sums: Any, closing_minor: int, currency: str) -> dict[str, Any]:
    return {
        "month": month_shown(month),
        "currency": currency,
        "opening_balance": format_amount(int(closing_minor) - net_minor(sums), currency),
        **{name.removesuffix("_minor"): format_amount(int(sums[name]), currency) for name in _SUMS},
        "closing_balance": format_amount(int(closing_minor), currency),
    }


def month_shown(month: date) -> str:
    """A month, kept as its first day, as clients write it: YYYY-MM."""
    return month.isoformat()[:7]
