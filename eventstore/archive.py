"""The archived form: all events as lines of text, and a database built from them again.

A file is a header, then journal by journal, in the order of their ids, a line that begins the journal and its events in
order, then an end that counts both. The line of an event is exactly what its leaf hash is made of; whoever has only
those lines, without the other three kinds, can import them too.
"""

import base64
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

from eventstore.codec import canonical
from eventstore.database import Database
from eventstore.errors import JournalNotFound
from eventstore.sql import statement

_EXPORT_JOURNALS = statement(__package__, "export_journals")
_EXPORT_EVENTS = statement(__package__, "export_events")
_COUNT_EVENTS = statement(__package__, "count_events")

HEADER: Final = b'{"format":"gagyebu journals","version":1}'
ALL: Final = (UUID(int=0), UUID(int=2**128 - 1))
"""The least and the greatest id there can be."""
FETCHED_ROWS: Final = 500


class Count(NamedTuple):
    journals: int
    events: int


def line_of(
    journal_id: UUID, position: int, recorded_at: datetime, state: bytes, stream_id: UUID, topic: str, version: int
) -> bytes:
    """Write the line of an event, around its state as it is stored."""
    time = recorded_at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    head = f'{{"journal":"{journal_id}","position":{position},"recorded_at":"{time}Z","state":'
    tail = f',"stream":"{stream_id}","topic":"{topic}","version":{version}}}'
    return head.encode() + state + tail.encode()


def begin_line(journal_id: UUID, kind: str, wrapped_key: bytes | None) -> bytes:
    """Write the line that begins a journal."""
    key = base64.b64encode(wrapped_key).decode("ascii") if wrapped_key else None
    return canonical({"journal": str(journal_id), "kind": kind, "wrapped_key": key})


def end_line(count: Count) -> bytes:
    """Write the last line."""
    return canonical(count._asdict())


async def export(
    database: Database,
    journal_id: UUID | None,
    *,
    with_keys: bool,
    begin: Callable[[Count], None],
    advance: Callable[[int], None],
) -> AsyncIterator[bytes]:
    """Tell a journal, or all, line by line, as the database is at one moment.

    `begin` is told how much there is, `advance` how many more events are told. Raises: JournalNotFound.
    """
    range_ = (journal_id, journal_id) if journal_id else ALL
    async with database.snapshot() as snapshot:
        (row,) = await snapshot.fetch(_COUNT_EVENTS, *range_)
        count = Count(*row)
        if journal_id and not count.journals:
            raise JournalNotFound(journal_id)
        begin(count)
        yield HEADER
        events = aiter(snapshot.cursor(_EXPORT_EVENTS, *range_, prefetch=FETCHED_ROWS))
        async for journal in snapshot.cursor(_EXPORT_JOURNALS, *range_, prefetch=FETCHED_ROWS):
            yield begin_line(journal["journal_id"], journal["kind"], journal["wrapped_key"] if with_keys else None)
            for _ in range(journal["position"]):
                yield line_of(*await anext(events))
            advance(journal["position"])
        yield end_line(count)
