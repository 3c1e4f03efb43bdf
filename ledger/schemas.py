"""What clients may send; unknown fields are refused, every limit is named in its message."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from email_validator import EmailNotValidError, validate_email
from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate

from ledger.book import OWNER, ROLES
from ledger.money import DIGITS_MAX, TOO_MANY_DIGITS

NAME_LENGTH_MAX: Final = 100
MEMO_LENGTH_MAX: Final = 10_000
TAGS_MAX: Final = 20
TAG_LENGTH_MAX: Final = 50
EMAIL_LENGTH_MAX: Final = 254
SHARE_SECONDS_DEFAULT: Final = 86_400
SHARE_SECONDS_MIN: Final = 60
SHARE_SECONDS_MAX: Final = 2_592_000
KINDS: Final = ("income", "expense")
GUEST_ROLES: Final = tuple(role for role in ROLES if role != OWNER)

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Text(fields.String):
    """Text in NFC without control characters but tab and newline; its length counts characters."""

    def __init__(self, length_max: int, *, length_min: int = 0, trim: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.length_min, self.length_max, self.trim = length_min, length_max, trim

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text = unicodedata.normalize("NFC", super()._deserialize(value, attr, data, **kwargs) or "")
        if _CONTROL.search(text):  # first, for some of them would be trimmed away as space
            raise ValidationError("Control characters other than tab and newline are not allowed.")
        text = text.strip() if self.trim else text
        if not self.length_min <= len(text) <= self.length_max:
            raise ValidationError(f"Length must be between {self.length_min} and {self.length_max} characters.")
        return text


class Name(Text):
    def __init__(self, **options: Any) -> None:
        super().__init__(NAME_LENGTH_MAX, length_min=1, trim=True, **options)


class Day(fields.Field[date]):
    """A calendar date, YYYY-MM-DD and nothing else."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> date:
        if isinstance(value, str) and _DAY.fullmatch(value):
            try:
                return date.fromisoformat(value)
            except ValueError:
                pass
        raise ValidationError("A date is an existing day in the form YYYY-MM-DD.")


class Amount(fields.Field[str]):
    """A decimal string, or an integer; read as minor units once the book's currency is known."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if isinstance(value, float) and abs(value) >= 10**DIGITS_MAX:  # so the parser reads integers of over 64 bits
            raise ValidationError(TOO_MANY_DIGITS)
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ValidationError("An amount is a decimal string or an integer, never a floating-point number.")
        return str(value)


class Tags(fields.Field[list[str]]):
    """Tags in the order given, each once, compared without case."""

    _tag = Text(TAG_LENGTH_MAX, length_min=1, trim=True)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> list[str]:
        if not isinstance(value, list) or len(value) > TAGS_MAX:
            raise ValidationError(f"Tags are a list of at most {TAGS_MAX} texts.")
        unique: dict[str, str] = {}
        for tag in value:
            text = self._tag.deserialize(tag) or ""
            unique.setdefault(text.casefold(), text)
        return list(unique.values())


def _kind(**options: Any) -> fields.String:
    return fields.String(validate=validate.OneOf(KINDS, error="Kind is “income” or “expense”."), **options)


def _role(*roles: str, **options: Any) -> fields.String:
    return fields.String(validate=validate.OneOf(roles, error=f"Role is one of {', '.join(roles)}."), **options)


class Strict(Schema):
    class Meta:
        unknown = RAISE


class OpenBook(Strict):
    name = Name(required=True)
    currency = fields.String(load_default="KRW")
    description = Text(MEMO_LENGTH_MAX, load_default="")
    opening_balance = Amount(load_default="0")


class AmendBook(Strict):
    name = Name()
    description = Text(MEMO_LENGTH_MAX)
    opening_balance = Amount()


class AddCategory(Strict):
    name = Name(required=True)
    kind = _kind(required=True)


class RenameCategory(Strict):
    name = Name(required=True)


class RecordEntry(Strict):
    kind = _kind(required=True)
    amount = Amount(required=True)
    occurred_on = Day(load_default=None)
    category_id = fields.UUID(load_default=None, allow_none=True)
    memo = Text(MEMO_LENGTH_MAX, load_default="")
    tags = Tags(load_default=list)


class AmendEntry(Strict):
    """A JSON merge patch (RFC 7396): null takes an optional field away."""

    kind = _kind()
    amount = Amount()
    occurred_on = Day()
    category_id = fields.UUID(allow_none=True)
    memo = Text(MEMO_LENGTH_MAX, allow_none=True)
    tags = Tags(allow_none=True)

    @post_load
    def _take_away(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        empty: dict[str, Any] = {"memo": "", "tags": []}
        return {name: empty.get(name) if value is None else value for name, value in data.items()}


class DuplicateEntry(Strict):
    occurred_on = Day(load_default=None)


class RevertEntry(Strict):
    version = fields.Integer(required=True, strict=True)


class Transfer(Strict):
    from_book = fields.UUID(required=True)
    to_book = fields.UUID(required=True)
    amount = Amount(required=True)
    to_amount = Amount(load_default=None, allow_none=True)
    occurred_on = Day(load_default=None)
    memo = Text(MEMO_LENGTH_MAX, load_default="")


class Email(fields.String):
    """An address that could be delivered to."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        email = super()._deserialize(value, attr, data, **kwargs) or ""
        if len(email) > EMAIL_LENGTH_MAX:
            raise ValidationError(f"An e-mail address has at most {EMAIL_LENGTH_MAX} characters.")
        try:
            return validate_email(email, check_deliverability=False).normalized
        except EmailNotValidError as error:
            raise ValidationError(str(error)) from None


class Invite(Strict):
    email = Email(required=True)
    role = _role(*GUEST_ROLES, required=True)


class ChangeRole(Strict):
    role = _role(*ROLES, required=True)


class ClosePeriod(Strict):
    through = Day(required=True)


class ReopenPeriod(Strict):
    reason = Text(MEMO_LENGTH_MAX, length_min=1, trim=True, required=True)


class ShareEntry(Strict):
    expires_in_seconds = fields.Integer(
        load_default=SHARE_SECONDS_DEFAULT,
        strict=True,
        validate=validate.Range(
            SHARE_SECONDS_MIN,
            SHARE_SECONDS_MAX,
            error=f"A link lasts {SHARE_SECONDS_MIN} to {SHARE_SECONDS_MAX} seconds.",
        ),
    )


class Nothing(Strict):
    """A request whose body, where there is one, is an empty object."""
