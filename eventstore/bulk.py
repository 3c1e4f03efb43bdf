"""Bulk append: tens of thousands of events of one journal in one transaction, all or none.

It is the same `append_events`, called once per chunk. The first call locks the journal's head and checks the guards,
the commit comes after the last; whoever else appends to this journal waits until then. A chunk is encoded while the
one before is recorded, and nothing here keeps the event loop for longer than a slice takes.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, TypeVar
from uuid import UUID

import asyncpg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from eventstore.codec import EncodedEvent, Metadata, PlainEvent, encode_plain, metadata_fields
from eventstore.database import Transaction
from eventstore.errors import Conflict
from eventstore.sql import statement

APPEND_EVENTS: Final = statement(__package__, "append_events")
CHUNK_EVENTS: Final = 1_000
SLICE_EVENTS: Final = 100

Check = tuple[UUID, UUID, int]
"""A journal, a stream of it, and the version that the stream must have."""
Item = TypeVar("Item")


class Encoder:
    """Turns events of one journal into what is stored of them."""

    def __init__(self, journal_id: UUID, metadata: Metadata, key: AESGCM | None) -> None:
        self._journal_id, self._key = journal_id, key
        self._told = {name: value and str(value) for name, value in metadata_fields(metadata).items()}

    async def encode(self, events: Iterable[PlainEvent]) -> list[EncodedEvent]:
        """Encode events slice by slice, so that others get their turns."""
        encoded: list[EncodedEvent] = []
        for slice_ in chunked(events, SLICE_EVENTS):
            encoded += [encode_plain(event, self._journal_id, self._told, self._key) for event in slice_]
            await asyncio.sleep(0)
        return encoded


async def append_all(
    transaction: Transaction,
    checks: Sequence[Check],
    first: Sequence[EncodedEvent],
    events: Iterable[PlainEvent],
    encoder: Encoder,
) -> None:
    """Append the first events under their checks, then all others, whose streams must not have their versions yet.

    Raises: Conflict.
    """
    last = first[-1]
    unmoved: Check = (last.journal_id, last.stream_id, last.version)  # names the journal whose head is to be locked
    recording = asyncio.create_task(_append(transaction, first, checks))
    try:
        for chunk in chunked(events, CHUNK_EVENTS):
            encoded = await encoder.encode(chunk)
            await recording
            recording = asyncio.create_task(_append(transaction, encoded, [unmoved]))
        await recording
    finally:
        # The connection is busy until its statement ends: only then can it roll back.
        await asyncio.wait([recording])


async def _append(transaction: Transaction, events: Sequence[EncodedEvent], checks: Sequence[Check]) -> None:
    """Raises: Conflict."""
    columns = [*_columns(events), *_columns(checks), *((),) * 4]
    try:
        row = await transaction.fetchrow(APPEND_EVENTS, *columns)
    except asyncpg.UniqueViolationError as error:
        raise Conflict(events[0].journal_id, 0) from error
    if row is not None and row["refused"]:
        raise Conflict(row["refused_streams"][0], row["refused_versions"][0])


def _columns(rows: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[Any]]:
    """Turn rows into the arrays that append_events takes; all are of one command."""
    yield [0] * len(rows)
    yield from zip(*rows, strict=True)


def chunked(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Cut into lists of this size, the last may be shorter."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
