"""What the API shows of entries and categories; the write side and the read side answer through the same code."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from ledger.book import Category
from ledger.commands import Placed
from ledger.money import format_amount

Id = UUID | str
"""As the write side has it, or as text out of the database, which costs less to show."""


def category_view(category_id: Id, name: str, kind: str, *, deleted: bool) -> dict[str, Any]:
    return {"id": category_id, "name": name, "kind": kind, "deleted": deleted}


def view_of_category(category: Category) -> dict[str, Any]:
    return category_view(category.category_id, category.name, category.kind, deleted=category.deleted)


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
    created_by: Id | None,
    created_at: datetime,
    updated_at: datetime,
    version: int,
    *,
    deleted: bool,
) -> dict[str, Any]:
    return {
        "id": entry_id,
        "book_id": book_id,
        "kind": kind,
        "amount": format_amount(amount_minor, currency),
        "currency": currency,
        "occurred_on": occurred_on,
        "category": category,
        "memo": memo,
        "tags": tags,
        "copied_from": copied_from,
        "batch_id": None,
        "deleted": deleted,
        "created_by": created_by,
        "created_at": created_at,
        "updated_at": updated_at,
        "version": version,
    }


def view_of_entry(placed: Placed) -> dict[str, Any]:
    book, entry, posting = placed.book, placed.entry, placed.entry.posting
    category = book.categories[posting.category_id] if posting.category_id else None
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
        entry.created_by,
        entry.created_on,
        entry.modified_on,
        entry.version,
        deleted=entry.deleted,
    )
