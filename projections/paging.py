"""Pages of a list: keyset cursors, so that the depth of a page costs nothing."""

import base64
import binascii
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import orjson
from marshmallow import ValidationError

LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 200
WHOLE: Final = sys.maxsize
"""The limit of a list that is shown whole where none is asked for."""


@dataclass(frozen=True)
class Page:
    """What is asked for: how many items, and after which key (exclusive; None: from the start)."""

    limit: int
    order: str
    after: tuple[Any, ...] | None


@dataclass(frozen=True)
class ShortList:
    """A list that is read whole, for it is short: its name in cursors, and the fields that its items are ordered by."""

    order: str
    key: tuple[str, ...]
    key_types: tuple[Any, ...]
    descending: bool = False

    def page_of(self, items: Sequence[dict[str, Any]], page: Page) -> dict[str, Any]:
        """Show the items of a page, which are found by their key: others may come and go between two pages."""
        after = page.after
        if after is not None and self.descending:
            items = [item for item in items if self._key_of(item) < after]
        elif after is not None:
            items = [item for item in items if self._key_of(item) > after]
        return page_of(items, page, dict, self._key_of)

    def _key_of(self, item: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(item[name] for name in self.key)


def page_of(
    rows: Sequence[Any], page: Page, view: Callable[[Any], dict[str, Any]], key: Callable[[Any], tuple[Any, ...]]
) -> dict[str, Any]:
    """Show the rows of a page, of which one more than the limit was asked for to see whether more follow."""
    more = len(rows) > page.limit
    next_cursor = encode_cursor(page.order, key(rows[page.limit - 1])) if more else None
    return {"items": [view(row) for row in rows[: page.limit]], "next_cursor": next_cursor}


def encode_cursor(order: str, key: tuple[Any, ...]) -> str:
    """Write down where a page ended, as one opaque word."""
    return base64.urlsafe_b64encode(orjson.dumps([order, *key], default=str)).rstrip(b"=").decode("ascii")


def decode_cursor(cursor: str, order: str, key_types: tuple[Any, ...]) -> tuple[Any, ...]:
    """Read a cursor of the same order. Raises: ValidationError."""
    try:
        content = orjson.loads(base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
        name, *key = content
        after = tuple(_in_utc(msgspec.convert(part, kind)) for part, kind in zip(key, key_types, strict=True))
        if name == order and encode_cursor(order, after) == cursor:  # base64 skips what is none of its letters
            return after
    except (ValueError, TypeError, OverflowError, binascii.Error, msgspec.ValidationError):
        pass
    raise ValidationError("This cursor is not one of this list: take it from next_cursor, unchanged.", "cursor")


def _in_utc(part: Any) -> Any:
    """An instant as we wrote it. Raises: OverflowError, where it lies beyond the calendar there."""
    return part.astimezone(UTC) if isinstance(part, datetime) else part
