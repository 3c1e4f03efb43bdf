"""Read model: spending, what each member recorded in each month."""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from eventstore.codec import RecordedEvent
from eventstore.database import Transaction
from eventstore.sql import statement
from ledger.entry import Entry
from ledger.money import format_amount
from projections.engine import Engine, ReadModel
from projections.moments import Moment
from projections.past_books import read_past
from projections.postings import NONE, Stream, Sums, add, authored
from projections.reading import head_of
from projections.statements import month_shown
from projections.totals import load_authors, month_end
from projections.users import find_users

_ADD = statement(__package__, "add_spending")
_GET = statement(__package__, "get_spending")
_SUM_AT = statement(__package__, "sum_spending_at")

Key = tuple[UUID, date, UUID]


def fold(events: Iterable[RecordedEvent], authors: dict[Stream, UUID | None] | None = None) -> dict[Key, Sums]:
    """What events add to the months of who recorded the entries, negative where they take away.

    `authors`: who recorded the entries that these events change but do not record.
    """
    spent: dict[Key, Sums] = {}
    for journal_id, member_id, posting, sign in authored(events, authors or {}):
        if posting.kind in {"income", "expense"}:
            sums = spent.setdefault((journal_id, posting.occurred_on.replace(day=1), member_id), Sums())
            sums.entry_count += sign
            add(sums, posting, sign)
    return spent


async def project(transaction: Transaction, events: Sequence[RecordedEvent]) -> None:
    of_entries = [event for event in events if isinstance(event.event, Entry.Event)]
    spent = fold(of_entries, await load_authors(transaction, of_entries))
    rows = [(*key, sums.income_minor, sums.expense_minor, sums.entry_count) for key, sums in spent.items()]
    if rows:
        await transaction.execute(_ADD, *zip(*rows, strict=True))


SPENDING: Final = ReadModel("spending", "book", 1, ("spending",), project, sealed=False)


async def get_spending(
    engine: Engine, user_id: UUID | None, book_id: UUID, month_min: date, month_max: date
) -> dict[str, Any]:
    """Tell what each member recorded from one month to another, both included. Raises: BookNotFound."""
    rows = await engine.fetch_fresh(_GET, user_id, book_id, month_min, month_max)
    return _view(rows, head_of(rows)["currency"], {row["member_id"]: row["name"] for row in rows})


async def get_spending_at(
    engine: Engine, user_id: UUID | None, book_id: UUID, month_min: date, month_max: date, moment: Moment
) -> dict[str, Any]:
    """Tell what each member had recorded at a moment, by today's names. Raises: BookNotFound."""
    past = await read_past(engine, user_id, book_id, moment)
    rows = await engine.fetch_fresh(_SUM_AT, past.id, past.position, month_min, month_end(month_max))
    users = await find_users(engine, {row["member_id"] for row in rows if row["member_id"]})
    return _view(rows, past.book.currency, {user_id: user["name"] for user_id, user in users.items()})


def _view(rows: Sequence[Any], currency: str, names: dict[UUID, str | None]) -> dict[str, Any]:
    """Show sums, which come by member and then by month."""
    found = [row for row in rows if row["member_id"] is not None]
    members = []
    for member_id, group in groupby(found, lambda row: row["member_id"]):
        months = list(group)
        member = None if member_id == NONE else {"id": member_id, "name": names[member_id]}
        of_months = [{"month": month_shown(row["month"]), **_sums([row], currency)} for row in months]
        members.append({"member": member, **_sums(months, currency), "months": of_months})
    return {"currency": currency, "members": members}


def _sums(rows: Sequence[Any], currency: str) -> dict[str, Any]:
    return {
        "income": format_amount(sum(int(row["income_minor"]) for row in rows), currency),
        "expense": format_amount(sum(int(row["expense_minor"]) for row in rows), currency),
        "count": sum(row["entry_count"] for row in rows),
    }
