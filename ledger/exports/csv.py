"""CSV (RFC 4180) for spreadsheets, which the import takes back without loss."""

import csv
import io
import re
from collections.abc import Iterable
from typing import Any, ClassVar, Final

from ledger.exports import EntryView, Head, category_name

COLUMNS: Final = (
    *("kind", "amount", "occurred_on", "category", "memo", "tags"),  # what the import reads
    *("id", "created_at", "created_by"),
)
TAG_SEPARATOR: Final = ";"
_QUOTED: Final = re.compile(r'[;"\r\n]')

_FORMULA: Final = re.compile(r"'*[=+\-@\t＝＋－＠]")
"""What a spreadsheet would run instead of show; the quotes before it, so that one quote more can be taken away."""


class CsvExport:
    media_type: ClassVar = "text/csv; charset=utf-8"
    suffix: ClassVar = "csv"

    def __init__(self, _head: Head) -> None:
        """A sheet is its rows: the book's name and opening balance are none."""

    def begin(self) -> bytes:
        # Without the mark, Korean spreadsheets read UTF-8 as CP949.
        return _rows([COLUMNS]).encode("utf-8-sig")

    def write(self, entries: Iterable[EntryView]) -> bytes:
        return _rows(map(_row, entries)).encode()


def to_cell(text: str) -> str:
    """Write free text so that no spreadsheet takes it for a formula; from_cell undoes it exactly."""
    return f"'{text}" if _FORMULA.match(text) else text


def from_cell(cell: str) -> str:
    """Read what to_cell wrote; other text stays as it is."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def join_tags(tags: list[str]) -> str:
    """Write tags into one cell, itself a row of CSV: one that holds a `;` or a quote is quoted."""
    if not any(map(_QUOTED.search, tags)):  # the rule; a writer for one cell costs more than the rest of its row
        return TAG_SEPARATOR.join(tags)
    # A line break within is quoted only by a writer that ends its lines with one.
    return _rows([tags], TAG_SEPARATOR).removesuffix("\r\n")


def split_tags(cell: str) -> list[str]:
    """Read what join_tags wrote."""
    if '"' in cell:
        return [tag for row in csv.reader(io.StringIO(cell, ""), delimiter=TAG_SEPARATOR) for tag in row]
    return cell.split(TAG_SEPARATOR) if cell else []


def _row(entry: EntryView) -> tuple[Any, ...]:
    transfer, kind = entry.get("transfer"), entry["kind"]
    return (
        f"{kind}_{transfer['direction']}" if transfer else kind,
        entry["amount"],
        entry["occurred_on"],
        to_cell(category_name(entry) or ""),
        to_cell(entry["memo"] or ""),
        to_cell(join_tags(entry["tags"])) if entry["tags"] else "",
        entry["id"],
        entry["created_at"].isoformat().replace("+00:00", "Z"),
        entry["created_by"],
    )


def _rows(rows: Iterable[Iterable[Any]], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()
