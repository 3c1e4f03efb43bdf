"""What is different in a book between two moments of its journal."""

from typing import Any, Final
from uuid import UUID

from ledger.book import AUDITORS
from ledger.errors import InvalidField, NotPermitted, TooManyChanges
from ledger.money import format_amount
from projections.engine import Engine
from projections.moments import Moment
from projections.past import Changes, list_changes
from projections.past_books import PastBook, read_past

CHANGES_MAX: Final = 10_000


async def diff_book(
    engine: Engine, user_id: UUID | None, book_id: UUID, known_at: Moment, until: Moment
) -> dict[str, Any]:
    """Tell which entries were added, changed and removed, and what that comes to.

    Raises: BookNotFound, NotPermitted, InvalidField, TooManyChanges.
    """
    before = await read_past(engine, user_id, book_id, known_at)
    later = await read_past(engine, user_id, book_id, until)
    if before.role not in AUDITORS:
        raise NotPermitted
    if later.position < before.position:
        raise InvalidField("until", "“until” is earlier than “known_at”.")
    changes = await list_changes(engine, before.at, later.at, CHANGES_MAX + 1)
    if changes.entry_count > CHANGES_MAX:
        raise TooManyChanges(CHANGES_MAX)
    return {
        "known_at": {"position": before.position, "recorded_at": before.recorded_at},
        "until": {"position": later.position, "recorded_at": later.recorded_at},
        "added": changes.added,
        "changed": changes.changed,
        "removed": changes.removed,
        "totals": _differences(changes, before, later),
    }


def _differences(changes: Changes, before: PastBook, later: PastBook) -> dict[str, str]:
    """What the changes come to: entries that stayed as they were cancel out, and are not read."""
    total = changes.income_minor - changes.expense_minor
    opening = later.book.opening_balance_minor - before.book.opening_balance_minor
    amounts = {
        "income": changes.income_minor,
        "expense": changes.expense_minor,
        "total": total,
        "balance": opening + total + changes.transferred_minor,
    }
    return {name: format_amount(amount, later.book.currency) for name, amount in amounts.items()}
