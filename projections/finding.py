"""Finding: by which statements a page of a list of entries is filled, whatever its filters and its order."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

from msgspec import Meta

from eventstore.sql import statement
from ledger.book import fold_case
from ledger.entry import TRANSFER_IN, TRANSFER_OUT
from projections.paging import Page
from projections.search import (
    MAGNITUDES,
    salt_of,
    term_of_category,
    term_of_kind,
    term_of_magnitude,
    term_of_sample,
    term_of_tag,
    terms_of_part,
)

_LIST_LATEST = statement(__package__, "list_latest_entries")
_FIND_BY_TERMS = statement(__package__, "find_entries_by_terms")
_FIND_BY_AMOUNT = statement(__package__, "find_entries_by_amount")
_FIND_BY_DAY = statement(__package__, "find_entries_by_day")
_FIND_BY_MAGNITUDE = statement(__package__, "find_entries_by_magnitude")
_FIND_BY_NAME = statement(__package__, "find_entries_by_name")

KINDS: Final = {"income": ["income"], "expense": ["expense"], "transfer": [TRANSFER_IN, TRANSFER_OUT]}
"""As they are shown, and as they are recorded."""
WALK_FACTOR: Final = 20
"""How many rows a list reads along its order for each that it has to show, before it asks an index for its filters."""
SHORT_WALK_FACTOR: Final = 5
"""The same for a sort by amount where an index asked by magnitudes gives the page for little more."""
SAMPLES_MAX: Final = 150
"""Where more samples match, some 2,400 entries, they are too many to fetch them all and sort them."""
WALK_ON_FACTOR: Final = 5
"""How much further it walks where the first walk has found a part of the page that promises the rest by then."""
FEW_DAYS: Final = timedelta(days=31)
"""A range in which a book mostly has so few entries that they are read faster than anything else."""
IN_FEW_DAYS_MAX: Final = 1_000
"""Where there are more in it after all, they are counted only so far."""


@dataclass(frozen=True)
class Order:
    """One way to sort: its statement, and the column that its cursor holds beside the id."""

    sql: str
    column: str
    key_types: tuple[Any, ...]
    by_category_sql: str | None = None
    """Where categories have an index in this order."""


# A cursor comes back from outside: what its column cannot hold is refused, not handed to the database.
_Minor = Annotated[int, Meta(ge=0, le=10**18)]
_Instant = Annotated[datetime, Meta(tz=True)]

ORDERS: Final = {
    "-occurred_on": Order(statement(__package__, "list_entries_by_day_newest"), "occurred_on", (date, UUID)),
    "occurred_on": Order(statement(__package__, "list_entries_by_day_oldest"), "occurred_on", (date, UUID)),
    "amount": Order(
        statement(__package__, "list_entries_by_amount_smallest"),
        "amount_minor",
        (_Minor, UUID),
        statement(__package__, "list_entries_by_category_smallest"),
    ),
    "-amount": Order(
        statement(__package__, "list_entries_by_amount_largest"),
        "amount_minor",
        (_Minor, UUID),
        statement(__package__, "list_entries_by_category_largest"),
    ),
    "-recorded_at": Order(statement(__package__, "list_entries_by_record_newest"), "created_at", (_Instant, UUID)),
}


@dataclass(frozen=True)
class Filters:
    """Which entries of a book; every range includes both ends, None is no filter."""

    deleted: bool | None = False
    day_min: date = date.min
    day_max: date = date.max
    kind: str | None = None
    categories: list[UUID] | None = None
    tag: str | None = None
    part: str | None = None
    amount_min: Decimal | None = None
    amount_max: Decimal | None = None

    @property
    def folded_tag(self) -> str | None:
        return self.tag and fold_case(self.tag)

    @property
    def folded_part(self) -> str | None:
        return self.part and fold_case(self.part)

    @property
    def arguments(self) -> tuple[Any, ...]:
        """As the statements take them, in their order."""
        return (
            [False, True] if self.deleted is None else [self.deleted],
            self.day_min,
            self.day_max,
            KINDS[self.kind] if self.kind else None,
            self.categories,
            self.folded_tag,
            self.folded_part,
            self.amount_min,
            self.amount_max,
        )


_ALL: Final = Filters()


def after(page: Page) -> tuple[Any, ...]:
    """Where a page begins, for the statements that know every order: day, amount, time of record and id."""
    key, entry_id = page.after or (None, None)
    columns = ("occurred_on", "amount_minor", "created_at")
    return (*(key if column == ORDERS[page.order].column else None for column in columns), entry_id)


class Way(NamedTuple):
    """A statement that may fill a page, what it takes after reader, book and limit, and when it is worth asking."""

    sql: str
    arguments: tuple[Any, ...]
    rows_min: int = 0
    """How many rows the way before it must have brought."""


def ways(book_id: UUID, filters: Filters, page: Page) -> Iterator[Way]:
    """Choose how to fill a page: where a way brings a row marked `cut`, it left something out: the next is asked."""
    order, text = ORDERS[page.order], filters.tag or filters.part
    if page.order == "-occurred_on" and page.after is None and filters == _ALL:
        yield Way(_LIST_LATEST, ())
    elif filters.day_max - filters.day_min < FEW_DAYS and order.column != "occurred_on":
        yield _find(filters, page, _FIND_BY_DAY, IN_FEW_DAYS_MAX)
        yield from _walks(filters, page)
        yield _find(filters, page, _FIND_BY_DAY, None)
    elif order.by_category_sql and filters.categories and not text:
        yield Way(order.by_category_sql, _in_order(filters, page))
    elif order.column == "amount_minor" and (text or filters.categories or filters.kind):
        yield _walk(filters, page, SHORT_WALK_FACTOR)
        yield _find_by_magnitude(book_id, filters, page)
    else:
        yield from _walks(filters, page)
        yield _find_by_index(book_id, filters, page)


def _walks(filters: Filters, page: Page) -> Iterator[Way]:
    yield _walk(filters, page, WALK_FACTOR)
    yield _walk(filters, page, WALK_ON_FACTOR * WALK_FACTOR, rows_min=page.limit // WALK_ON_FACTOR + 1)


def _walk(filters: Filters, page: Page, factor: int, rows_min: int = 0) -> Way:
    """Go along the order itself."""
    return Way(ORDERS[page.order].sql, (*_in_order(filters, page), page.limit * factor), rows_min)


def _in_order(filters: Filters, page: Page) -> tuple[Any, ...]:
    """What the statements take that know one order."""
    return (*(page.after or (None, None)), *filters.arguments)


def _find(filters: Filters, page: Page, sql: str, *arguments: Any) -> Way:
    """Ask a statement that knows every order, and takes more arguments of its own."""
    return Way(sql, (page.order, *after(page), *filters.arguments, *arguments))


def _find_by_index(book_id: UUID, filters: Filters, page: Page) -> Way:
    """Ask the index by which few rows are read."""
    amounts = filters.amount_min is not None or filters.amount_max is not None
    if filters.tag or filters.part or filters.categories or (filters.kind and not amounts):
        return _find(filters, page, _FIND_BY_TERMS, *_terms(book_id, filters))
    return _find(filters, page, _FIND_BY_AMOUNT) if amounts else _find(filters, page, _FIND_BY_DAY, None)


def _find_by_magnitude(book_id: UUID, filters: Filters, page: Page) -> Way:
    """Ask the index of terms piece by piece; the one of categories for all of those that are found by their name."""
    terms, samples = _terms(book_id, filters), (term_of_sample(book_id), SAMPLES_MAX)
    magnitudes = _magnitudes(book_id, page)
    if filters.part and not (filters.tag or filters.categories):
        return _find(filters, page, _FIND_BY_NAME, terms.all_by_text, *magnitudes, *samples)
    return _find(filters, page, _FIND_BY_MAGNITUDE, *terms, *magnitudes, *samples)


class Terms(NamedTuple):
    """By what an entry is found: by its text, or by the name of its category, whose own term the statement makes."""

    all_by_text: list[int]
    any_by_text: list[int]
    all_by_name: list[int]
    salt: int


def _terms(book_id: UUID, filters: Filters) -> Terms:
    tag, part, kind = filters.folded_tag, filters.folded_part, filters.kind
    exact = [term_of_tag(book_id, tag)] if tag else []
    exact += [term_of_kind(book_id, kind)] if kind else []
    every = exact + (terms_of_part(book_id, part) if part else [])
    categories = [term_of_category(book_id, category_id) for category_id in filters.categories or ()]
    return Terms(every, categories or every[:1], exact, salt_of(book_id))


def _magnitudes(book_id: UUID, page: Page) -> Iterable[Sequence[int]]:
    """The magnitudes from where a page begins, in its order: their terms, least and most amounts."""
    begin: int | None = page.after[0] if page.after else None
    if page.order == "amount":
        found = [magnitude for magnitude in MAGNITUDES if begin is None or magnitude.most_minor >= begin]
    else:
        found = [magnitude for magnitude in reversed(MAGNITUDES) if begin is None or magnitude.least_minor <= begin]
    terms = [term_of_magnitude(book_id, magnitude) for magnitude in found]
    return terms, [magnitude.least_minor for magnitude in found], [magnitude.most_minor for magnitude in found]
