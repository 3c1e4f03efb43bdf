"""A database built from its archived form, all or nothing; whatever export would not have written is refused."""

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import asyncpg
import msgspec
import orjson
from eventsourcing.utils import TopicError, resolve_topic

from eventstore.aggregate import Aggregate
from eventstore.archive import HEADER, Count, begin_line, end_line, line_of
from eventstore.codec import canonical
from eventstore.database import translated
from eventstore.errors import ArchiveInvalid, NotEmpty
from eventstore.keys import Keyring
from eventstore.sql import statement

_LOCK_JOURNALS = statement(__package__, "lock_journals")
_HAS_JOURNALS = statement(__package__, "has_journals")

COPIED_EVENTS: Final = 5_000
_TOPIC: Final = re.compile(r"[a-z_]+(\.[a-z_]+)?")
"""The library would take any other for a module, and import it."""
_SECOND_KEY: Final = len('{"journal":"",') + 36
"""Where the second key of a line about a journal stands, which tells what line it is."""

_COLUMNS: Final = {
    "events": ("journal_id", "position", "stream_id", "version", "topic", "state", "recorded_at"),
    "journals": ("journal_id", "kind", "position", "recorded_at"),
    "journal_keys": ("journal_id", "wrapped_key"),
}
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
Row = tuple[Any, ...]
Shape = TypeVar("Shape", bound=msgspec.Struct)


class _Event(msgspec.Struct, forbid_unknown_fields=True):
    journal: UUID
    position: int
    recorded_at: str
    state: msgspec.Raw
    stream: UUID
    topic: str
    version: int


class _Begin(msgspec.Struct, forbid_unknown_fields=True):
    """`wrapped_key`: base64, or null."""

    journal: UUID
    kind: str
    wrapped_key: str | None


@dataclass
class _Journal:
    """A journal as far as it was read; its kind is that of its first event where no line has said it."""

    journal_id: UUID
    kind: str | None = None
    position: int = 0
    recorded_at: datetime = _LONG_AGO
    versions: dict[UUID, int] = field(default_factory=dict)

    def take(self, event: _Event, recorded_at: datetime) -> None:
        """Go on to the next event. Raises: ValueError."""
        version = self.versions.get(event.stream, 0) + 1
        _require(
            event.position == self.position + 1, f"its position must be {self.position + 1}, the next of the journal"
        )
        _require(event.version == version, f"its version must be {version}, the next of its stream")
        _require(recorded_at >= self.recorded_at, "it is recorded earlier than the event before it")
        self.kind = self.kind or event.topic.partition(".")[0]
        self.position, self.recorded_at, self.versions[event.stream] = event.position, recorded_at, version

    @property
    def row(self) -> Row:
        return self.journal_id, self.kind, self.position, self.recorded_at


class _Reader:
    """Turns lines into rows of the three tables. What it is given must be in the order of an export."""

    def __init__(self, keyring: Keyring) -> None:
        self.rows: dict[str, list[Row]] = {table: [] for table in _COLUMNS}
        self._keyring = keyring
        self._count = Count(0, 0)
        self._journal: _Journal | None = None
        self._whole = self._ended = False

    def read(self, line: bytes) -> None:
        """Take the next line. Raises: ValueError; MasterKeyMismatch."""
        _require(not self._ended, "there is more after the end")
        if line == HEADER and self._count == (0, 0) and not self._whole:
            self._whole = True
        elif line.startswith(b'{"events":'):
            self._end(line)
        elif line.startswith(b'"kind":', _SECOND_KEY):
            self._begin(line)
        else:
            self._take(line)

    def finish(self) -> Count:
        """Returns: what was read. Raises: ValueError where the end is missing."""
        _require(self._ended or not self._whole, "the end is missing: the file was cut off")
        if not self._ended:
            self._close()
        _require(self._count.events > 0, "there are no events")
        return self._count

    def _end(self, line: bytes) -> None:
        self._close()
        _require(line == end_line(self._count), "the journals and events of the file are not as many as its end says")
        self._ended = True

    def _begin(self, line: bytes) -> None:
        told = _shaped(line, _Begin)
        key = None if told.wrapped_key is None else base64.b64decode(told.wrapped_key)
        _require(line == begin_line(told.journal, told.kind, key), "it is not in canonical form")
        _require(_is_known(told.kind, Aggregate), f"no kind of journal is called {told.kind}")
        self._open(_Journal(told.journal, told.kind))
        if key is not None:
            self._keyring.open(told.journal, key)
            self.rows["journal_keys"].append((told.journal, key))

    def _take(self, line: bytes) -> None:
        event = _shaped(line, _Event)
        recorded_at, state = datetime.fromisoformat(event.recorded_at), bytes(event.state)
        parts = (event.stream, event.topic, event.version)
        expected = line_of(event.journal, event.position, recorded_at, canonical(orjson.loads(state)), *parts)
        _require(line == expected, "it is not in canonical form")
        _require(state.startswith(b"{"), "its state is no object")
        _require(_is_known(event.topic, Aggregate.Event), f"no event is called {event.topic}")
        journal = self._journal
        if journal is None or journal.journal_id != event.journal:
            _require(not self._whole, "the line that begins its journal is missing")
            journal = self._open(_Journal(event.journal))
        journal.take(event, recorded_at)
        self._count = Count(self._count.journals, self._count.events + 1)
        row = (event.journal, event.position, event.stream, event.version, event.topic, state, recorded_at)
        self.rows["events"].append(row)

    def _open(self, journal: _Journal) -> _Journal:
        if self._journal is not None:
            _require(
                self._journal.journal_id < journal.journal_id, "journals must come in the order of their ids, once"
            )
        self._close()
        self._journal = journal
        self._count = Count(self._count.journals + 1, self._count.events)
        return journal

    def _close(self) -> None:
        if self._journal is not None:
            _require(self._journal.position > 0, "the journal before has no events")
            self.rows["journals"].append(self._journal.row)


async def restore(connection: asyncpg.Connection, keyring: Keyring, lines: Iterable[bytes]) -> Count:
    """Fill an empty, migrated database with what its owner gives, line by line, each with its line break.

    Read models follow by themselves. Returns: what was written.
    Raises: ArchiveInvalid, with the number of the line; NotEmpty; MasterKeyMismatch; StoreUnavailable. Then nothing is.
    """
    with translated():
        async with connection.transaction():
            await connection.execute(_LOCK_JOURNALS)
            if await connection.fetchval(_HAS_JOURNALS):
                raise NotEmpty
            return await _copy_all(connection, _Reader(keyring), lines)


async def _copy_all(connection: asyncpg.Connection, reader: _Reader, lines: Iterable[bytes]) -> Count:
    number = 0
    try:
        for number, line in enumerate(lines, start=1):  # noqa: B007 - told when it fails
            _require(line.endswith(b"\n"), "it is cut off, or too long")
            reader.read(line[:-1])
            if len(reader.rows["events"]) >= COPIED_EVENTS:
                await _copy(connection, reader.rows)
        number += 1
        count = reader.finish()
    except (ValueError, TypeError, RecursionError, EOFError) as error:
        raise ArchiveInvalid(number, str(error)) from error
    await _copy(connection, reader.rows)
    return count


async def _copy(connection: asyncpg.Connection, rows: dict[str, list[Row]]) -> None:
    for table, columns in _COLUMNS.items():
        await connection.copy_records_to_table(
            table, schema_name="eventstore", columns=columns, records=_taken(rows[table])
        )


def _taken(rows: list[Row]) -> Sequence[Row]:
    """What is there, which is not there any more."""
    taken = rows.copy()
    rows.clear()
    return taken


def _shaped(line: bytes, shape: type[Shape]) -> Shape:
    """Raises: ValueError."""
    try:
        return msgspec.json.decode(line, type=shape)
    except msgspec.MsgspecError as error:
        raise ValueError(f"it is no line of an archive: {error}") from error


def _is_known(topic: str, kind: type[Any]) -> bool:
    try:
        found = resolve_topic(topic) if _TOPIC.fullmatch(topic) else None
    except TopicError:
        return False
    return isinstance(found, type) and issubclass(found, kind)


def _require(holds: bool, otherwise: str) -> None:
    """Raises: ValueError."""
    if not holds:
        raise ValueError(otherwise)
