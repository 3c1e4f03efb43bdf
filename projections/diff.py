"""What is different in a book between two moments of its journal."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from ledger.book import AUDITORS
from ledger.errors import InvalidField, NotPermitted, TooManyChanges
from ledger.money import format_amount
from projections.engine import Engine
from projections.moments import Moment
from projections.past import Change, list_changes
from projections.past_books import PastBook, read_past

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
    live = [(_if_live(was), _if_live(became)) for was, became in changes]
    return {
        "known_at": {"position": before.position, "recorded_at": before.recorded_at},
        "until": {"position": later.position, "recorded_at": later.recorded_at},
        **_sorted_out(live),
        "totals": _differences(live, before, later),
    }


def _sorted_out(live: Sequence[Change]) -> dict[str, list[Any]]:
    """Deleted entries count as not there; those that are as they were before are no change."""
    return {
        "added": [after for before, after in live if after and not before],
        "changed": [
            {"before": before, "after": after} for before, after in live if before and after != before and after
        ],
        "removed": [before for before, after in live if before and not after],
    }


def _if_live(entry: dict[str, Any] | None) -> dict[str, Any] | None:
    return entry if entry and not entry["deleted"] else None


def _differences(live: Sequence[Change], before: PastBook, later: PastBook) -> dict[str, str]:
    """What the changes come to: entries that stayed as they were cancel out, and are not read."""
    currency = later.book.currency
    flows: Counter[str] = Counter()
    for entry, sign in [(was, -1) for was, _ in live] + [(became, 1) for _, became in live]:
        if entry:
            flow = entry["transfer"]["direction"] if "transfer" in entry else entry["kind"]
            flows[flow] += sign * int(entry["amount"].replace(".", ""))  # it shows all its decimals: minor units
    total = flows["income"] - flows["expense"]
    opening = later.book.opening_balance_minor - before.book.opening_balance_minor
    amounts = {
        "income": flows["income"],
        "expense": flows["expense"],
        "total": total,
        "balance": opening + total + flows["in"] - flows["out"],
    }
    return {name: format_amount(amount, currency) for name, amount in amounts.items()}
