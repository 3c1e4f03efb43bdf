"""The entries of a book as they were at a position of its journal: every version is kept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from math import ceil, floor
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg
import orjson

from eventstore.sql import statement
from ledger.book import Category
from ledger.errors import EntryNotFound
from ledger.money import decimals_of
from ledger.views import category_view
from projections.engine import Engine
from projections.entries import view_of_row
from projections.finding import ORDERS, Filters, after
from projections.paging import Page, page_of
from projections.search import searchable

_GET = statement(__package__, "get_entry_at")
_LIST = statement(__package__, "list_entries_at")
_SUM = statement(__package__, "sum_entries_at")
_LIST_CHANGES = statement(__package__, "list_changes_between")

_MINOR_MAX: Final = 2**63 - 1
"""What the column holds."""


@dataclass(frozen=True)
class BookAt:
    """A book as it was at a position of its journal; who may read it is for the caller to know."""

    book_id: UUID
    position: int
    currency: str
    categories: Mapping[UUID, Category]

    @cached_property
    def shown(self) -> Mapping[str, dict[str, Any]]:
        """How its categories are shown, by their ids as text: made once for all the entries that have them."""
        return {
            str(id_): category_view(str(id_), category.name, category.kind, deleted=category.deleted)
            for id_, category in self.categories.items()
        }

    def named(self, folded_part: str | None) -> list[UUID]:
        """The categories whose name then held a folded part."""
        if folded_part is None:
            return []
        return [id_ for id_, category in self.categories.items() if folded_part in searchable(category.name)]

    def minor(self, bound: Decimal | None, default: int, whole: Callable[[Decimal], int]) -> int:
        """A bound in minor units, as the column can be compared with."""
        if bound is None:
            return default
        return min(max(whole(bound.scaleb(decimals_of(self.currency))), -1), _MINOR_MAX)


async def get_entry_at(engine: Engine, book: BookAt, entry_id: UUID, *, deleted: bool | None) -> dict[str, Any]:
    """Read one entry. Raises: EntryNotFound."""
    rows = await engine.fetch_fresh(_GET, book.book_id, entry_id, book.position, deleted)
    if not rows or rows[0]["entry_id"] is None:
        raise EntryNotFound
    return _view(rows[0], book)


async def list_entries_at(engine: Engine, book: BookAt, filters: Filters, page: Page) -> dict[str, Any]:
    """List a book's entries in the page's order; equal keys by id."""
    *chosen, amount_min, amount_max = filters.arguments
    rows = await engine.fetch_fresh(
        _LIST,
        book.book_id,
        book.position,
        page.limit + 1,
        page.order,
        *after(page),
        *chosen,
        book.minor(amount_min, 0, ceil),
        book.minor(amount_max, _MINOR_MAX, floor),
        book.named(filters.folded_part),
    )
    found = [row for row in rows if row["entry_id"] is not None]
    column = ORDERS[page.order].column
    return page_of(found, page, lambda row: _view(row, book), lambda row: (row[column], row["entry_id"]))


async def sum_entries_at(
    engine: Engine, book: BookAt, day_min: date, day_max: date, group_by: str | None
) -> Sequence[asyncpg.Record]:
    """Sum a book's live entries over a range of days, both ends included, by day, month, category, member or in all.

    Returns: rows of sum_entries_at.sql, at least one; without entry_count where there was nothing.
    """
    return await engine.fetch_fresh(_SUM, book.book_id, book.position, day_min, day_max, group_by)


class Changes(NamedTuple):
    """The entries that changed between two states of a book, as lists in JSON, and what that comes to."""

    entry_count: int
    added: orjson.Fragment
    changed: orjson.Fragment
    removed: orjson.Fragment
    income_minor: int
    expense_minor: int
    transferred_minor: int


async def list_changes(engine: Engine, before: BookAt, later: BookAt, entries_max: int) -> Changes:
    """List the entries that changed between two states of one book, in the order of their first change.

    A deleted one counts as not there. The entries themselves are shown by the statement, which must agree with `_view`.
    """
    (row,) = await engine.fetch_fresh(
        _LIST_CHANGES,
        before.book_id,
        before.position,
        later.position,
        entries_max,
        later.currency,
        Decimal(1).scaleb(-decimals_of(later.currency)),
        list(later.categories),
        *([orjson.dumps(book.shown.get(str(id_))).decode() for id_ in later.categories] for book in (before, later)),
    )
    _, entry_count, *lists, income, expense, transferred = row
    added, changed, removed = (orjson.Fragment(b"[%b]" % (items or b"")) for items in lists)
    return Changes(entry_count, added, changed, removed, int(income), int(expense), int(transferred))


def _view(row: asyncpg.Record, book: BookAt) -> dict[str, Any]:
    category_id = row["category_id"]
    return view_of_row(row, book.currency, None if category_id is None else book.shown[category_id])
