"""NDJSON: an entry per line, with the fields that the import takes and those that it passes over."""

from collections.abc import Iterable
from typing import Any, ClassVar

import orjson

from ledger.exports import EntryView, Head, category_name


class NdjsonExport:
    media_type: ClassVar = "application/x-ndjson"
    suffix: ClassVar = "ndjson"

    def __init__(self, _head: Head) -> None:
        """Lines are entries, all of them: the book's name and opening balance are none."""

    def begin(self) -> bytes:
        return b""

    def write(self, entries: Iterable[EntryView]) -> bytes:
        option = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE
        return b"".join(orjson.dumps(_line(entry), default=str, option=option) for entry in entries)


def _line(entry: EntryView) -> dict[str, Any]:
    return {
        "kind": entry["kind"],
        "amount": entry["amount"],
        "occurred_on": entry["occurred_on"],
        "category": category_name(entry),
        "memo": entry["memo"] or "",
        "tags": entry["tags"] or [],
        "id": entry["id"],
        "created_at": entry["created_at"],
        "created_by": entry["created_by"],
        "currency": entry["currency"],
        "transfer": entry.get("transfer"),
    }
