"""What the cells of a table mean: dates, amounts and texts as people and banks write them.

Ordinary cells are understood at a glance, and those that repeat are remembered: a file has 50,000 lines. Whatever is
not ordinary is left to the fields of `ledger.schemas`, so that files obey the same rules, in the same words.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Any, Final, TypeVar, cast
from uuid import UUID

from marshmallow import ValidationError
from marshmallow.fields import Field

from ledger.errors import InvalidField
from ledger.exports.csv import from_cell, split_tags
from ledger.money import parse_amount, require_positive
from ledger.schemas import MEMO_LENGTH_MAX, Day, Name, Tags, Text

CACHED_MAX: Final = 2_000
CELL_LENGTH_MAX: Final = 1_200
"""Of every cell but a memo: room for the most and longest tags; it bounds what is remembered, too."""
KIND_WORDS: Final = {
    **dict.fromkeys(("income", "수입", "입금"), "income"),
    **dict.fromkeys(("expense", "지출", "출금"), "expense"),
}
CURRENCY_SIGNS: Final = {
    "KRW": "₩￦원",
    "EUR": "€",
    "JPY": "¥￥円",
    "CNY": "¥￥元",
    "GBP": "£",
    "INR": "₹",
    "PHP": "₱",
    "THB": "฿",
    "VND": "₫",
    **dict.fromkeys(("USD", "AUD", "CAD", "HKD", "MXN", "NZD", "SGD", "TWD"), "$"),
}
"""A sign of another currency is refused with its amount, for what stands beside it is no money of this book."""

Reader = TypeVar("Reader", bound=Callable[..., Any])

_UNDECODED: Final = re.compile("[\ud800-\udfff]")
"""What stands for a byte that is no text in the encoding of the file."""
_DAY: Final = Day()
_CATEGORY: Final = Name()
_MEMO: Final = Text(MEMO_LENGTH_MAX)
_TAGS: Final = Tags()

_TIME: Final = r"[T ] *(?:(?:AM|PM|오전|오후) *)?[0-9]{1,2}:?[0-9]{2}(?::?[0-9]{2}(?:\.[0-9]+)?)?(?: *(?:AM|PM))?"
_COMPACT_TIME: Final = "[0-9]{4}(?:[0-9]{2})?"
_PARTS: Final = {"YYYY": "(?P<year>[0-9]{4})", "YY": "(?P<year>[0-9]{2})"}
_GROUPED: Final = "[0-9]{{1,3}}(?P<mark>[{marks}])[0-9]{{3}}(?:(?P=mark)[0-9]{{3}})*"


def day_reader(date_format: str | None) -> Callable[[str], date]:
    """Make the reader of days; a time of day is passed over only where the format was given."""
    if date_format is None:
        return _remembered("occurred_on", lambda text: _deserialized(_DAY, "occurred_on", text.strip()))
    pattern, century = _day_pattern(date_format), 2000 if "YYYY" not in date_format else 0

    def read(text: str) -> date:
        if found := pattern.fullmatch(text.strip()):
            try:
                return date(century + int(found["year"]), int(found["month"]), int(found["day"]))
            except ValueError:
                pass
        raise InvalidField("occurred_on", f"A date is an existing day in the form {date_format}.")

    return _remembered("occurred_on", read)


def _day_pattern(date_format: str) -> re.Pattern[str]:
    """Spreadsheets leave zeros out and spaces in (`2026. 3. 5.`), where there is a mark between the numbers."""
    mark = re.sub("[YMD]", "", date_format)[:1]
    digits = "{1,2}" if mark else "{2}"
    parts = {**_PARTS, "MM": f"(?P<month>[0-9]{digits})", "DD": f"(?P<day>[0-9]{digits})"}
    glue = f" *{re.escape(mark)} *" if mark else ""
    numbers = glue.join(parts[name] for name in re.findall("Y+|M+|D+", date_format))
    end = r"\.?" if mark == "." else ""
    time = _TIME if mark else f"(?:{_TIME}|{_COMPACT_TIME})"
    return re.compile(f"{numbers}{end}(?:{time})?", re.IGNORECASE)


def amount_reader(currency: str, decimal: str) -> Callable[[str], int]:
    """Make the reader of amounts in minor units, signed as written."""
    pattern = _amount_pattern(currency, decimal)

    def read(text: str) -> int:
        """Raises: ValueError."""
        found = pattern.fullmatch(text)
        if found is None or (found["sign"] and found["inner_sign"]):
            raise ValueError(f"An amount is a decimal string such as “12000” or “12{decimal}50”.")
        sign = "-" if found["sign"] in {"-", "−"} or found["inner_sign"] else ""
        whole = found["whole"].replace(found["mark"], "") if found["mark"] else found["whole"]
        part = f".{found['part']}" if found["part"] else ""
        return parse_amount(f"{sign}{whole}{part}", currency)

    return read


def _amount_pattern(currency: str, decimal: str) -> re.Pattern[str]:
    """Thousands are separated by one mark, the same in all places, or not at all."""
    grouped = _GROUPED.format(marks=("," if decimal == "." else ".") + "' \u00a0\u202f")
    sign = f"(?:{'|'.join([currency, *map(re.escape, CURRENCY_SIGNS.get(currency, ''))])})?"
    number = rf"(?P<inner_sign>[-−]?)(?P<whole>{grouped}|[0-9]+)(?:{re.escape(decimal)}(?P<part>[0-9]+))?"
    return re.compile(rf"(?P<sign>[-−+]?)\s*{sign}\s*{number}\s*{sign}", re.IGNORECASE)


Money = Callable[[str, str], tuple[str, int]]
"""Reads two cells of a line as kind and amount in minor units; the amount is greater than zero."""


def money_by_kind(read_amount: Callable[[str], int]) -> Money:
    def read(kind_word: str, amount: str) -> tuple[str, int]:
        kind = KIND_WORDS.get(kind_word.strip().lower())
        if kind is None:
            raise InvalidField("kind", "Kind is “income” or “expense”.")
        return kind, positive("amount", read_amount, amount.strip())

    return _remembered("amount", read)


def money_by_sign(read_amount: Callable[[str], int]) -> Money:
    def read(_: str, amount: str) -> tuple[str, int]:
        try:
            amount_minor = read_amount(amount.strip())
        except ValueError as error:
            raise InvalidField("amount", str(error)) from None
        if amount_minor == 0:
            raise InvalidField("amount", "An amount is less or greater than zero; its sign tells expense from income.")
        return "expense" if amount_minor < 0 else "income", abs(amount_minor)

    return _remembered("amount", read)


def money_by_side(read_amount: Callable[[str], int]) -> Money:
    """The side that is not meant is empty or zero, as bank statements have it."""

    def read(income: str, expense: str) -> tuple[str, int]:
        sides = {"income": income, "expense": expense}
        given = {kind: text for kind, text in sides.items() if not _is_nothing(text.strip(), read_amount)}
        if len(given) != 1:
            raise InvalidField("amount", "A line has an amount either of income or of expense.")
        ((kind, text),) = given.items()
        return kind, positive(kind, read_amount, text.strip())

    return _remembered("amount", read)


def _is_nothing(text: str, read_amount: Callable[[str], int]) -> bool:
    if text in {"", "-"}:
        return True
    try:
        return read_amount(text) == 0
    except ValueError:
        return False


def positive(field: str, read_amount: Callable[[str], int], text: str) -> int:
    """Read an amount greater than zero. Raises: InvalidField."""
    try:
        return require_positive(read_amount(text))
    except ValueError as error:
        raise InvalidField(field, str(error)) from None


def category_reader() -> Callable[[str], str | None]:
    def read(text: str) -> str | None:
        return _deserialized(_CATEGORY, "category", from_cell(text)) if text.strip() else None

    return _remembered("category", read)


def tags_reader() -> Callable[[str], tuple[str, ...]]:
    def read(text: str) -> tuple[str, ...]:
        return tuple(_deserialized(_TAGS, "tags", tags_in(from_cell(text))))

    return _remembered("tags", read)


def tags_in(text: str) -> list[str]:
    """Read tags out of one text; nothing between two separators is no tag."""
    return [tag for tag in split_tags(text) if tag.strip()]


def read_memo(text: str) -> str:
    """Most memos are as they should be, and need no more than a look; a spreadsheet's lines end in one character."""
    memo = from_cell(text)
    return memo if is_ordinary(memo) else _deserialized(_MEMO, "memo", memo.replace("\r\n", "\n"))


def is_ordinary(memo: str) -> bool:
    """Tell cheaply whether `ledger.schemas` would take a memo as it is; no is no answer."""
    return len(memo) <= MEMO_LENGTH_MAX and memo.isprintable() and unicodedata.is_normalized("NFC", memo)


def require_currency(told: Any, currency: str) -> None:
    """Amounts in another currency are none of this book's. Raises: InvalidField."""
    if told and told != currency:
        raise InvalidField("currency", f"This book is kept in {currency}.")


def read_id(text: Any) -> UUID | None:
    """Read the id of our own export; another one's is none."""
    try:
        return UUID(text) if text and isinstance(text, str) else None
    except ValueError:
        return None


def _deserialized(schema: Field[Any], field: str, value: Any) -> Any:
    """Read a value as it would be read in a body. Raises: InvalidField."""
    if _UNDECODED.search(value if isinstance(value, str) else "".join(value)):
        raise InvalidField(field, "This is no text in the encoding of the rest: say by encoding= which one it is.")
    try:
        return schema.deserialize(value)
    except ValidationError as error:
        raise InvalidField(field, str(error.messages[0])) from None


def _remembered(field: str, read: Reader) -> Reader:
    """Remember what was read lately; a refusal is not remembered."""

    def read_short(*texts: str) -> Any:
        if max(map(len, texts)) > CELL_LENGTH_MAX:
            raise InvalidField(field, f"This is longer than {CELL_LENGTH_MAX:,} characters.")
        return read(*texts)

    return cast(Reader, lru_cache(CACHED_MAX)(read_short))
