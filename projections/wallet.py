"""Read model: the wallet, the books a user owns summed by currency; a view of the books, it has no rows of its own."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from eventstore.sql import statement
from ledger.money import format_amount
from projections.engine import Engine
from projections.postings import net_minor

_GET = statement(__package__, "get_wallet")


async def get_wallet(engine: Engine, user_id: UUID | None) -> dict[str, Any]:
    """Sum the live books that the user owns, by currency."""
    return wallet_view([row for row in await engine.fetch_fresh(_GET, user_id) if row["journal_id"] is not None])


def wallet_view(rows: Sequence[Any]) -> dict[str, Any]:
    """Show books with their sums, by currency."""
    currencies = sorted({row["currency"] for row in rows})
    return {"wallets": [_wallet([row for row in rows if row["currency"] == code], code) for code in currencies]}


def _wallet(rows: list[Any], currency: str) -> dict[str, Any]:
    income = sum(int(row["income_minor"]) for row in rows)
    expense = sum(int(row["expense_minor"]) for row in rows)
    balances = {row["journal_id"]: int(row["opening_balance_minor"]) + net_minor(row) for row in rows}
    return {
        "currency": currency,
        "income": format_amount(income, currency),
        "expense": format_amount(expense, currency),
        "total": format_amount(income - expense, currency),
        "balance": format_amount(sum(balances.values()), currency),
        "books": [
            {
                "book_id": row["journal_id"],
                "name": row["name"],
                "balance": format_amount(balances[row["journal_id"]], currency),
            }
            for row in rows
        ],
    }
