"""What clients may ask: the query parameters of lists and totals."""

import re
from datetime import date
from decimal import Decimal
from typing import Any, Final

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate, validates, validates_schema

from auth.schemas import refuse_past
from ledger.money import parse_decimal
from ledger.schemas import TAG_LENGTH_MAX, Day, Text
from projections.exports import FORMATS
from projections.finding import KINDS, ORDERS
from projections.moments import KnownAt, Moment
from projections.paging import LIMIT_DEFAULT, LIMIT_MAX, WHOLE
from projections.totals import GROUPINGS

SEARCH_LENGTH_MAX: Final = 200
STATES: Final = {"live": False, "active": False, "deleted": True, "all": None}


class Ask(Schema):
    """Unknown parameters are ignored, as RFC 3986 leaves queries to their readers; known ones are checked."""

    class Meta:
        unknown = EXCLUDE


def _state(default: str, *, live: str) -> fields.String:
    words = (live, "deleted", "all")
    check = validate.OneOf(words, error=f"State is one of {', '.join(words)}.")
    return fields.String(load_default=default, validate=check)


class Bound(fields.Field[Decimal]):
    """An amount to compare with, in the book's currency."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Decimal:
        try:
            return parse_decimal(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None


class Month(fields.Field[date]):
    """A calendar month, YYYY-MM and nothing else; read as its first day."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> date:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}", value):
            try:
                return date.fromisoformat(f"{value}-01")
            except ValueError:
                pass
        raise ValidationError("A month is an existing one in the form YYYY-MM.")


class Limit(fields.Field[int]):
    """How many items; plain digits, not all that int() takes."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if re.fullmatch(r"[0-9]{1,3}", value) and 1 <= int(value) <= LIMIT_MAX:
            return int(value)
        raise ValidationError(f"Limit is a whole number, 1 to {LIMIT_MAX}.")


class AskBook(Ask):
    """`known_at`: as the journal of the book stood then; None is now."""

    known_at = KnownAt(load_default=None)


class AskDiff(Ask):
    known_at = KnownAt(required=True)
    until = KnownAt(load_default=Moment())


class AskWallet(Ask):
    known_at = KnownAt(load_default=None)

    @validates("known_at")
    def _validate_time(self, value: Moment | None, **_: Any) -> None:
        if value is not None and value.at is None:
            raise ValidationError("The books of a wallet have no position in common: say a time.")


class AskList(Ask):
    limit = Limit(load_default=LIMIT_DEFAULT)
    cursor = fields.String(load_default=None)


class AskWhole(AskList):
    """A short list, shown whole unless a limit is given."""

    limit = Limit(load_default=WHOLE)


class AskOwn(AskWhole):
    """What belongs to an account, which is read as it is now alone."""

    known_at = fields.String(validate=refuse_past)


class AskParts(AskWhole, AskBook):
    """Members, and closed periods."""


class AskRecorded(AskList):
    """What is read from events themselves."""

    known_at = KnownAt(load_default=Moment())


class AskHistory(AskWhole, AskRecorded):
    """The history of something in a book."""


class AskBooks(AskList):
    known_at = fields.String(validate=refuse_past)
    state = _state("active", live="active")


class AskCategories(AskList, AskBook):
    state = _state("live", live="live")


class AskEntry(AskBook):
    state = _state("live", live="live")


class AskRange(Ask):
    """Both ends included."""

    day_min: fields.Field[date] = Day(data_key="from", load_default=date.min)
    day_max: fields.Field[date] = Day(data_key="to", load_default=date.max)

    @validates_schema
    def _in_order(self, data: dict[str, Any], **_: Any) -> None:
        if data["day_min"] > data["day_max"]:
            raise ValidationError("“from” is later than “to”.", "from")


class AskEntries(AskList, AskRange, AskBook):
    state = _state("live", live="live")
    kind = fields.String(load_default=None, validate=validate.OneOf(KINDS, error=f"Kind is one of {', '.join(KINDS)}."))
    categories = fields.List(fields.UUID(), data_key="category_id", load_default=None)
    tag = Text(TAG_LENGTH_MAX, length_min=1, trim=True, load_default=None)
    part = Text(SEARCH_LENGTH_MAX, data_key="q", load_default=None)
    amount_min = Bound(data_key="min_amount", load_default=None)
    amount_max = Bound(data_key="max_amount", load_default=None)
    sort = fields.String(
        load_default="-occurred_on", validate=validate.OneOf(ORDERS, error=f"Sort is one of {', '.join(ORDERS)}.")
    )


class AskExport(AskBook):
    export_format = fields.String(
        data_key="format",
        required=True,
        validate=validate.OneOf(FORMATS, error=f"Format is one of {', '.join(FORMATS)}."),
    )
    transfers = fields.Boolean(load_default=False, truthy={"true", "1", ""}, falsy={"false", "0"})


class AskTotals(AskRange, AskBook):
    group_by = fields.String(
        load_default=None, validate=validate.OneOf(GROUPINGS, error=f"Group by one of {', '.join(GROUPINGS)}.")
    )


class AskStatement(AskBook):
    month = Month(required=True)


class AskStatements(AskList, AskBook):
    """The months of a book."""


class AskSpending(AskRange, AskBook):
    """Whole months, both included; named by their first days."""

    day_min = Month(data_key="from", load_default=date.min)
    day_max = Month(data_key="to", load_default=date.max.replace(day=1))
