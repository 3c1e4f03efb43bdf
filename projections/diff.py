"""What is different in a book between two moments of its journal."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from ledger.book import AUDITORS
from ledger.errors import InvalidField, NotPermitted, TooManyChanges
from ledger.money import format_amount
from projections.engine import Engine
from projections.moments import Moment
from projections.past import Change, list_changes
from projections.past_books import PastBook, get_sums, read_past

CHANGES_MAX: Final = 10_000
NOW: Final = Moment(position=2**62)


async def diff_book(
    engine: Engine, user_id: UUID | None, book_id: UUID, known_at: Moment, until: Moment | None
) -> dict[str, Any]:
    """Tell which entries were added, changed and removed, and what that comes to; until None: until now.

    Raises: BookNotFound, NotPermitted, InvalidField, TooManyChanges.
    """
    before = await read_past(engine, user_id, book_id, known_at)
    later = await read_past(engine, user_id, book_id, until or NOW)
    if before.role not in AUDITORS:
        raise NotPermitted
    if later.position < before.position:
        raise InvalidField("until", "“until” is earlier than “known_at”.")
    changes = await list_changes(engine, before.at, later.at, CHANGES_MAX + 1)
    if len(changes) > CHANGES_MAX:
        raise TooManyChanges(CHANGES_MAX)
    return {
        "known_at": {"position": before.position, "recorded_at": before.recorded_at},
        "until": {"position": later.position, "recorded_at": later.recorded_at},
        **_sorted_out(changes),
        "totals": await _differences(engine, before, later),
    }


def _sorted_out(changes: Sequence[Change]) -> dict[str, list[Any]]:
    """Deleted entries count as not there; those that are as they were before are no change."""
    live = [(_if_live(before), _if_live(after)) for before, after in changes]
    return {
        "added": [after for before, after in live if after and not before],
        "changed": [
            {"before": before, "after": after} for before, after in live if before and after != before and after
        ],
        "removed": [before for before, after in live if before and not after],
    }


def _if_live(entry: dict[str, Any] | None) -> dict[str, Any] | None:
    return entry if entry and not entry["deleted"] else None


async def _differences(engine: Engine, before: PastBook, later: PastBook) -> dict[str, str]:
    was, is_now = await get_sums(engine, before), await get_sums(engine, later)
    income, expense = is_now["income_minor"] - was["income_minor"], is_now["expense_minor"] - was["expense_minor"]
    transferred = is_now["transferred_minor"] - was["transferred_minor"]
    opening = later.book.opening_balance_minor - before.book.opening_balance_minor
    amounts = {
        "income": income,
        "expense": expense,
        "total": income - expense,
        "balance": opening + income - expense + transferred,
    }
    return {name: format_amount(amount, later.book.currency) for name, amount in amounts.items()}
