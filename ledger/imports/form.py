"""The form of an uploaded file, as the request tells it."""

from collections.abc import Mapping
from dataclasses import dataclass
from encodings import normalize_encoding
from encodings.aliases import aliases
from typing import Any, Final

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

CSV: Final = "csv"
NDJSON: Final = "ndjson"
FORMATS: Final = (CSV, NDJSON)
FORMAT_OF_TYPE: Final = {"text/csv": CSV, "application/x-ndjson": NDJSON}

FIELDS: Final = ("kind", "amount", "occurred_on", "category", "memo", "tags")
SIDES: Final = ("income", "expense")
"""What a bank statement may have in place of kind and amount: a column for each."""
DATE_FORMATS: Final = (
    *("YYYY-MM-DD", "YYYY.MM.DD", "YYYY/MM/DD", "YYYYMMDD", "YY-MM-DD", "YY.MM.DD", "YY/MM/DD"),
    *("DD-MM-YYYY", "DD.MM.YYYY", "DD/MM/YYYY", "MM-DD-YYYY", "MM/DD/YYYY"),
)
UTF_8: Final = "utf-8"
ENCODINGS: Final = (
    *(UTF_8, "utf-16", "cp949", "euc-kr", "shift_jis", "gb18030", "big5"),
    *("windows-1252", "iso-8859-1", "iso-8859-15"),
)
TITLE_LENGTH_MAX: Final = 200


def _codec(name: str) -> str:
    """What Python calls an encoding; unlike codecs.lookup(), this keeps nothing of the names that clients make up."""
    normal = normalize_encoding(name).lower()
    return aliases.get(normal, normal)


_ENCODING_OF_CODEC: Final = {_codec(name): name for name in ENCODINGS}


@dataclass(frozen=True)
class Form:
    """How to read a file; all but the format is for CSV alone."""

    format: str
    titles: Mapping[str, str]  # of the columns that were named, by field; the others are titled like their field
    date_format: str | None = None  # None: YYYY-MM-DD and nothing after it
    decimal: str = "."
    encoding: str | None = None  # None: found out


def _one_of(name: str, words: tuple[str, ...], **options: Any) -> fields.String:
    return fields.String(validate=validate.OneOf(words, error=f"{name} is one of {', '.join(words)}."), **options)


def _title() -> fields.String:
    return fields.String(validate=validate.Length(1, TITLE_LENGTH_MAX))


class AskImport(Schema):
    """Unknown parameters are ignored, as in every query; a parameter named like a field holds its column's title."""

    class Meta:
        unknown = EXCLUDE

    format = _one_of("Format", FORMATS)
    dry_run = fields.Boolean(load_default=False, truthy={"true", "1", ""}, falsy={"false", "0"})
    date_format = _one_of("Date format", DATE_FORMATS)
    decimal = _one_of("Decimal", (".", ","))
    encoding = _one_of("Encoding", ENCODINGS)
    kind, amount, occurred_on, category, memo, tags = (_title() for _ in FIELDS)
    income, expense = (_title() for _ in SIDES)


_ASK_IMPORT: Final = AskImport()


def form_of(query: Mapping[str, str], content_type: str, charset: str | None = None) -> tuple[Form, bool]:
    """Tell the form of a file, and whether this is a dry run. `charset`: what is said with the type.

    Raises: ValidationError, where the format is told neither by the query nor by the type, or things do not fit.
    """
    asked: dict[str, Any] = _ASK_IMPORT.load(query)
    dry_run = asked.pop("dry_run")
    file_format = asked.pop("format", None) or FORMAT_OF_TYPE.get(content_type)
    if file_format is None:
        raise ValidationError("Say format=csv or format=ndjson, or send text/csv or application/x-ndjson.", "format")
    if file_format != CSV and asked:
        raise ValidationError({name: ["This is for CSV alone."] for name in asked})
    titles: dict[str, str] = {name: asked.pop(name) for name in (*FIELDS, *SIDES) if name in asked}
    if any(side in titles for side in SIDES) and (twice := titles.keys() & {"kind", "amount"}):
        raise ValidationError({name: ["Name either this, or income and expense."] for name in sorted(twice)})
    if charset is not None and "encoding" not in asked:
        asked["encoding"] = _declared(charset, file_format)
    return Form(file_format, titles, **asked), dry_run


def _declared(charset: str, file_format: str) -> str | None:
    """The encoding that the type declares. Raises: ValidationError where the format is not read in it."""
    readable = ENCODINGS if file_format == CSV else (UTF_8,)
    encoding = _ENCODING_OF_CODEC.get(_codec(charset))
    if encoding not in readable:
        raise ValidationError(f"For {file_format}, charset is one of {', '.join(readable)}.", "Content-Type")
    return encoding if file_format == CSV else None
