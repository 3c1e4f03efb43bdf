"""A moment of a journal: the position that it had reached, told as such or by the time."""

import re
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from marshmallow import ValidationError, fields

_POSITION: Final = re.compile(r"[0-9]{1,18}")
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-5][0-9])"
)


class Moment(NamedTuple):
    """One of both, or none for now; what lies beyond the end of a journal is its present state."""

    position: int | None = None
    at: datetime | None = None


class KnownAt(fields.Field[Moment]):
    """A position, or a time with its zone (RFC 3339)."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Moment:
        if _POSITION.fullmatch(value):
            return Moment(position=int(value))
        if _TIME.fullmatch(value):
            try:
                return Moment(at=datetime.fromisoformat(value.upper()).astimezone(UTC))
            except (ValueError, OverflowError):
                pass
        raise ValidationError(
            "A moment is a position of the journal, or an RFC 3339 time such as 2026-11-02T09:00:00Z; + is written %2B."
        )
