"""The batch: what one import records together."""

from datetime import date
from uuid import UUID

from msgspec import Struct


class Row(Struct, array_like=True, frozen=True, gc=False):
    """One entry of a file, validated, before it has an id."""

    line: int  # where it starts in the file, from 1
    kind: str
    amount_minor: int
    occurred_on: date
    category: str | None  # by name
    memo: str
    tags: tuple[str, ...]
    known_as: UUID | None = None  # its id in the book that the file was exported from
