"""What the API shows of entries and categories; the write side and the read side answer through the same code."""

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from ledger.book import Category
from ledger.commands.deciding import Placed
from ledger.entry import TRANSFER_IN, TRANSFER_OUT
from ledger.money import format_amount

Id = UUID | str
"""As the write side has it, or as text out of the database, which costs less to show."""


def category_view(category_id: Id, name: str, kind: str, *, deleted: bool) -> dict[str, Any]:
    return {"id": category_id, "name": name, "kind": kind, "deleted": deleted}


def view_of_category(category: Category) -> dict[str, Any]:
    return category_view(category.category_id, category.name, category.kind, deleted=category.deleted)


DIRECTIONS: Final = {TRANSFER_OUT: "out", TRANSFER_IN: "in"}
"""How the two kinds of a transfer's postings are shown; both are entries of the kind `transfer`."""

KINDS_SHOWN: Final = {"income": "income", "expense": "expense", **dict.fromkeys(DIRECTIONS, "transfer")}


def transfer_view(transfer_id: Id, kind: str, book_id: Id, entry_id: Id) -> dict[str, Any]:
    """The other side of a transfer, seen from the entry with a posting of this kind."""
    return {"id": transfer_id, "direction": DIRECTIONS[kind], "book_id": book_id, "entry_id": entry_id}


def entry_view(
    entry_id: Id,
    book_id: Id,
    kind: str,
    amount_minor: int,
    currency: str,
    occurred_on: date,
    category: dict[str, Any] | None,
    memo: str,
    tags: list[str],
    copied_from: Id | None,
    batch_id: Id | None,
    created_by: Id | None,
    created_at: datetime,
    updated_at: datetime,
    version: int,
    *,
    deleted: bool,
    transfer: dict[str, Any] | None = None,
) -> dict[str, Any]:
    view = {
        "id": entry_id,
        "book_id": book_id,
        "kind": KINDS_SHOWN[kind],
        "amount": format_amount(amount_minor, currency),
        "currency": currency,
        "occurred_on": occurred_on,
        "category": category,
        "memo": memo,
        "tags": tags,
        "copied_from": copied_from,
        "batch_id": batch_id,
        "deleted": deleted,
        "created_by": created_by,
        "created_at": created_at,
        "updated_at": updated_at,
        "version": version,
    }
    if transfer:
        view["transfer"] = transfer
    return view


def view_of_entry(placed: Placed) -> dict[str, Any]:
    book, entry, posting = placed.book, placed.entry, placed.entry.posting
    category = book.categories[posting.category_id] if posting.category_id else None
    other = entry.transfer
    return entry_view(
        entry.id,
        book.id,
        posting.kind,
        posting.amount_minor,
        book.currency,
        posting.occurred_on,
        view_of_category(category) if category else None,
        entry.memo,
        entry.tags,
        entry.copied_from,
        entry.batch_id,
        entry.created_by,
        entry.created_on,
        entry.modified_on,
        entry.version,
        deleted=entry.deleted,
        transfer=transfer_view(other.transfer_id, posting.kind, other.book_id, other.entry_id) if other else None,
    )
