"""NDJSON: an entry per line, under the rules of every body."""

import codecs
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import IO, Any, Final

import orjson
from marshmallow import RAISE, ValidationError, pre_load

from ledger.batch import Row
from ledger.errors import InvalidField, LineError
from ledger.imports.fields import CACHED_MAX, is_ordinary, positive, read_id, require_currency, tags_in
from ledger.money import parse_amount
from ledger.problems import field_errors
from ledger.schemas import KINDS, Day, Name, RecordEntry

LINE_BYTES_MAX: Final = 262_144
"""Room for the longest memo and tags, every character of them escaped."""
GLANCE_BYTES_MAX: Final = 4_096
"""Of longer lines nothing is remembered."""
OWN_FIELDS: Final = frozenset({"id", "created_at", "created_by", "currency", "transfer"})
"""What our own export has besides; of it, only id and currency tell the import anything."""


class RecordLine(RecordEntry):
    """An entry with its category by name, and a day of its own."""

    class Meta:
        unknown = RAISE
        exclude = ("category_id",)

    occurred_on = Day(required=True)
    category = Name(load_default=None, allow_none=True)

    @pre_load
    def _as_body(self, line: Any, **_: Any) -> Any:
        """Tags may come in one text, as in CSV; what is not for us is left out."""
        if not isinstance(line, dict):
            return line
        tags = line.get("tags")
        told = {**line, "tags": tags_in(tags)} if isinstance(tags, str) else line
        return {name: value for name, value in told.items() if name not in OWN_FIELDS}


def read_ndjson(file: IO[bytes], currency: str) -> Iterator[Row | LineError | None]:
    """Read a file line by line.

    Yields: an entry or what is wrong, and None where there was neither, so that the caller gets a turn.
    """
    line_reader = _LineReader(currency)
    file.seek(0)
    for number, line in enumerate(iter(partial(file.readline, LINE_BYTES_MAX + 1), b""), start=1):
        if len(line) > LINE_BYTES_MAX:
            yield LineError(number, "", f"This line is longer than {LINE_BYTES_MAX:,} bytes.")
            return
        told = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
        if told.isspace():
            yield None
        else:
            yield from line_reader.read(number, told)


class _LineReader:
    """Reads lines into entries of a book in one currency; what repeats is remembered."""

    def __init__(self, currency: str) -> None:
        self._currency = currency
        self._schema = RecordLine()
        self._known = self._schema.fields.keys() | OWN_FIELDS
        read: dict[str, Any] = {name: field.deserialize for name, field in self._schema.fields.items()}
        remembered = lru_cache(CACHED_MAX, typed=True)  # True and 1.0 are equal to 1, and no amounts
        self._amount = remembered(lambda amount: self._minor(read["amount"](amount)))
        self._day, self._category = remembered(read["occurred_on"]), remembered(read["category"])
        self._tags = remembered(lambda tags: tuple(read["tags"](list(tags))))

    def read(self, number: int, line: bytes) -> Iterator[Row | LineError]:
        try:
            told = orjson.loads(line)
            short = len(line) <= GLANCE_BYTES_MAX
            yield (short and self._at_a_glance(number, told)) or self._with_care(number, told)
        except orjson.JSONDecodeError as error:
            yield LineError(number, "", f"This line is no JSON: {error}.")
        except ValidationError as error:
            yield from (LineError(number, wrong["field"], wrong["message"]) for wrong in field_errors(error))
        except InvalidField as error:
            yield LineError(number, error.field, error.message)

    def _at_a_glance(self, number: int, told: Any) -> Row | None:
        """Read an entry as most are; None where it takes more care, to be accepted as much as to be refused."""
        try:
            kind, memo, tags = told["kind"], told.get("memo", ""), told.get("tags", [])
            usual = kind in KINDS and is_ordinary(memo) and type(tags) is list and told.keys() <= self._known
            if usual and told.get("currency", self._currency) == self._currency:
                amount_minor, day = self._amount(told["amount"]), self._day(told["occurred_on"])
                category, known_as = self._category(told.get("category")), read_id(told.get("id"))
                return Row(number, kind, amount_minor, day, category, memo, self._tags(tuple(tags)), known_as)
        except (AttributeError, KeyError, TypeError, ValidationError, InvalidField):
            pass
        return None

    def _with_care(self, number: int, told: Any) -> Row:
        """Raises: ValidationError, InvalidField."""
        entry: dict[str, Any] = self._schema.load(told)
        require_currency(told.get("currency"), self._currency)
        return Row(
            number,
            entry["kind"],
            self._minor(entry["amount"]),
            entry["occurred_on"],
            entry["category"],
            entry["memo"],
            tuple(entry["tags"]),
            read_id(told.get("id")),
        )

    def _minor(self, text: str) -> int:
        return positive("amount", lambda amount: parse_amount(amount, self._currency), text)
