"""Bulk append: tens of thousands of events of one journal in one transaction, all or none.

The first call, `append_events` as always, locks the journal's head and checks the guards; `append_more` adds chunk
after chunk; the commit comes last, and whoever else appends to this journal waits until then. A chunk is encoded while
the one before is recorded, and nothing here keeps the event loop for longer than a slice takes.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

import asyncpg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from eventstore.codec import EncodedEvent, Metadata, PlainEvent, encode_plain, fresh_nonces, metadata_fields
from eventstore.database import Transaction
from eventstore.errors import Conflict
from eventstore.sql import statement

APPEND_EVENTS: Final = statement(__package__, "append_events")
_APPEND_MORE: Final = statement(__package__, "append_more")

CHUNK_EVENTS: Final = 500
SLICE_EVENTS: Final = 25
"""Worked at without a pause, for some 0.2 ms: whoever waits for the event loop waits for several turns."""

Check = tuple[UUID, UUID, int]
"""A journal, a stream of it, and the version that the stream must have."""
Item = TypeVar("Item")


class Head(NamedTuple):
    """The position of a journal's last event."""

    journal_id: UUID
    position: int


class Encoder:
    """Turns events of one journal into what is stored of them."""

    def __init__(self, journal_id: UUID, metadata: Metadata, key: AESGCM | None) -> None:
        self._journal_id, self._key = journal_id, key
        self._nonces = fresh_nonces(SLICE_EVENTS)
        self._told = {name: value and str(value) for name, value in metadata_fields(metadata).items()}

    async def encode(self, events: Iterable[PlainEvent]) -> list[EncodedEvent]:
        """Encode events slice by slice, so that others get their turns."""
        encoded = (encode_plain(event, self._journal_id, self._told, self._key, self._nonces) for event in events)
        return [event async for event in in_slices(encoded)]


async def append_all(
    transaction: Transaction,
    checks: Sequence[Check],
    first: Sequence[EncodedEvent],
    events: Iterator[PlainEvent],
    encoder: Encoder,
) -> None:
    """Append the first events under their checks, then all others, whose streams must not have their versions yet.

    Raises: Conflict.
    """
    recording = asyncio.create_task(_append_first(transaction, first, checks))
    try:
        while encoded := await encoder.encode(islice(events, CHUNK_EVENTS)):
            await recording
            recording = asyncio.create_task(_append_more(transaction, encoded))
        await recording
    finally:
        # The connection is busy until its statement ends: only then can it roll back.
        await asyncio.wait([recording])


async def _append_first(transaction: Transaction, events: Sequence[EncodedEvent], checks: Sequence[Check]) -> None:
    """Raises: Conflict."""
    commands, number = [0] * len(events), [0] * len(checks)  # all are of one command
    columns = [commands, *zip(*events, strict=True), number, *zip(*checks, strict=True), *((),) * 4]
    await append_unmoved(transaction, columns)


async def append_unmoved(transaction: Transaction, columns: Iterable[Any], head: Head | None = None) -> None:
    """Append one command, where a journal that it concerns is still at this head. Raises: Conflict."""
    row = await transaction.fetchrow(APPEND_EVENTS, *columns)
    if row is not None and row["refused"]:
        raise Conflict(row["refused_streams"][0], row["refused_versions"][0])
    if row is not None and head is not None and head not in zip(row["journals"], row["heads"], strict=True):
        raise Conflict(head.journal_id, 0)


async def _append_more(transaction: Transaction, events: Sequence[EncodedEvent]) -> None:
    """Raises: Conflict."""
    journal_ids, *columns = zip(*events, strict=True)
    try:
        await transaction.execute(_APPEND_MORE, journal_ids[0], *columns)
    except asyncpg.UniqueViolationError as error:
        raise Conflict(journal_ids[0], 0) from error


async def in_slices(items: Iterable[Item]) -> AsyncIterator[Item]:
    """Give items that take their time to make; between slices others get their turns."""
    for part in chunked(items, SLICE_EVENTS):
        for item in part:
            yield item
        await asyncio.sleep(0)


def chunked(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Cut into lists of this size; the last may be shorter."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
