"""The event store: append commands, load a stream, read journals."""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import asyncpg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.utils import get_topic

from eventstore.aggregate import Aggregate, Done
from eventstore.batching import Batcher
from eventstore.bulk import APPEND_EVENTS, Encoder, Head, append_all, append_unmoved
from eventstore.codec import EncodedEvent, Metadata, PlainEvent, RecordedEvent, decode, encode
from eventstore.database import Database
from eventstore.errors import Conflict, JournalNotWritable
from eventstore.keys import Keyring
from eventstore.sql import statement

_LOAD_STREAM = statement(__package__, "load_stream")
READ_JOURNALS = statement(__package__, "read_journals")
_ANY_SIZE = 2**62
_FIND_LAST_EVENTS = statement(__package__, "find_last_events")
_READ_STREAMS_BEGUN = statement(__package__, "read_streams_begun")
_LOAD_KEY = statement(__package__, "load_key")
_DESTROY_KEYS = statement(__package__, "destroy_keys")
_GET_HEAD = statement(__package__, "get_head")

AnyAggregate = TypeVar("AnyAggregate", bound=Aggregate)


class Guard(NamedTuple):
    """A precondition: the stream is still at this version when the command is recorded."""

    journal_id: UUID
    stream_id: UUID
    version: int


class Change(NamedTuple):
    """The pending events of an aggregate, and the journal they go to."""

    journal_id: UUID
    aggregate: Aggregate


class _NewJournal(NamedTuple):
    journal_id: UUID
    kind: str
    wrapped_key: bytes | None


class Appended(NamedTuple):
    """Where a command ended up: the position of its last event, and the database's time."""

    position: int
    recorded_at: datetime


@dataclass(slots=True)
class _Command:
    """What one append asks for: events, and the versions of streams that they rely on."""

    checks: list[Guard]
    events: list[EncodedEvent] = field(default_factory=list)
    written: set[UUID] = field(default_factory=set)
    new_journals: list[_NewJournal] = field(default_factory=list)
    new_keys: dict[UUID, AESGCM] = field(default_factory=dict)

    def write(self, event: EncodedEvent) -> None:
        if event.stream_id not in self.written:
            self.written.add(event.stream_id)
            self.checks.append(Guard(event.journal_id, event.stream_id, event.version - 1))
        self.events.append(event)


def _independent(commands: Iterable[_Command]) -> list[bool]:
    """Tell which commands may travel together: none touches a stream that an earlier one writes."""
    written: set[UUID] = set()
    chosen = []
    for command in commands:
        fits = not any(check.stream_id in written for check in command.checks)
        if fits:
            written |= command.written
        chosen.append(fits)
    return chosen


class EventStore:
    """Journals of events in PostgreSQL."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self._batcher: Batcher[_Command, Appended] = Batcher(self._append_batch, _independent)
        self._bulks: dict[UUID, asyncio.Event] = {}

    async def append(self, metadata: Metadata, changes: Sequence[Change], guards: Sequence[Guard] = ()) -> Appended:
        """Record the pending events of some aggregates, all or none; one round trip, shared with other commands.

        Raises: Conflict where a stream or a guard moved on; JournalNotWritable; StoreUnavailable. Nothing is recorded.
        """
        command = await self._command(metadata, changes, guards)
        appended = await self._batcher.submit(command)
        for _, aggregate in changes:
            aggregate.stamp(appended.recorded_at, metadata.actor)
        return appended

    async def _command(self, metadata: Metadata, changes: Sequence[Change], guards: Sequence[Guard]) -> _Command:
        """What an append of these asks for. Raises: Conflict, JournalNotWritable."""
        command = _Command(checks=list(guards))
        for journal_id, aggregate in changes:
            _require_writable(metadata, journal_id)
            await self._wait_for_bulk(journal_id)
            key = await self._key_for(command, journal_id, aggregate)
            for event in aggregate.unrecorded_events():
                command.write(encode(event, journal_id, metadata, key))
        if not command.events:
            raise ValueError("a command without events has nothing to append")
        return command

    async def erase(
        self,
        metadata: Metadata,
        changes: Sequence[Change],
        guards: Sequence[Guard] = (),
        head: Head | None = None,
        endings: Sequence[PlainEvent] = (),
    ) -> None:
        """Record the pending events of some aggregates, and destroy the data keys of journals that they say are erased.

        All in one transaction; together with `endings`, more events of the journal that `head` is of, and nothing at
        all where anything came to that journal since its head was read.
        Raises: Conflict, JournalNotWritable, StoreUnavailable.
        """
        command = await self._command(metadata, changes, guards)
        if head is not None:
            for ending in await Encoder(head.journal_id, metadata, None).encode(endings):
                command.write(ending)
        journal_ids = sorted({journal_id for journal_id, _ in changes})
        async with self._database.transaction() as transaction:
            await append_unmoved(transaction, _columns([command]), head)
            await transaction.execute(_DESTROY_KEYS, journal_ids)
        for journal_id in journal_ids:
            self._keyring.forget(journal_id)

    async def find_head(self, journal_id: UUID) -> Head:
        """How far a journal has come; 0 where there is none."""
        row = await self._database.fetchrow(_GET_HEAD, journal_id)
        return Head(journal_id, row["position"] if row else 0)

    async def append_many(
        self,
        metadata: Metadata,
        journal_id: UUID,
        first: Sequence[Aggregate],
        events: Iterable[PlainEvent],
        guards: Sequence[Guard] = (),
    ) -> None:
        """Record the pending events of some aggregates and then many more, of one journal, all or none.

        `events` are taken as they are recorded; they need not fit into memory.
        Raises: Conflict where a stream or a guard moved on; JournalNotWritable; StoreUnavailable. Nothing is recorded.
        """
        _require_writable(metadata, journal_id)
        key = self._keyring.find(journal_id) or await self._load_key(journal_id)
        command = _Command(checks=list(guards))
        for aggregate in first:
            for event in aggregate.unrecorded_events():
                command.write(encode(event, journal_id, metadata, key))
        await self._wait_for_bulk(journal_id)
        done = self._bulks[journal_id] = asyncio.Event()
        try:
            async with self._database.transaction() as transaction:
                encoder = Encoder(journal_id, metadata, key)
                await append_all(transaction, command.checks, command.events, iter(events), encoder)
        finally:
            del self._bulks[journal_id]
            done.set()

    async def _wait_for_bulk(self, journal_id: UUID) -> None:
        """Stay out of the batches while the journal is locked for long, or their other commands would wait as well."""
        while bulk := self._bulks.get(journal_id):
            await bulk.wait()

    async def find_last(
        self, journal_id: UUID, stream_ids: Sequence[UUID], kinds: Collection[type[Aggregate.Event]]
    ) -> dict[UUID, RecordedEvent | None]:
        """Find which of some streams exist. Returns: those, with their last event if it is of one of the kinds.

        What is sealed of it stays closed.
        """
        topics = [get_topic(kind) for kind in kinds]
        rows = await self._database.fetch(_FIND_LAST_EVENTS, journal_id, stream_ids, topics)
        return {row["stream_id"]: decode(row, None) if row["state"] else None for row in rows}

    async def read_begun(self, journal_id: UUID, position_min: int, position_max: int) -> list[RecordedEvent]:
        """Read the streams that begin at these positions, one after the other; what is sealed stays closed."""
        rows = await self._database.fetch(_READ_STREAMS_BEGUN, journal_id, position_min, position_max)
        return [decode(row, None) for row in rows]

    async def load(
        self,
        journal_id: UUID,
        aggregate_class: type[AnyAggregate],
        stream_id: UUID,
        position_max: int | None = None,
    ) -> AnyAggregate | None:
        """Replay a stream up to a position (inclusive; None: to its end); None where it is empty or of another kind."""
        events = await self.load_events(journal_id, stream_id)
        return replay(
            aggregate_class, (event for event in events if event.position <= (position_max or event.position))
        )

    async def load_events(self, journal_id: UUID, stream_id: UUID) -> list[RecordedEvent]:
        """Read the events of a stream, oldest first."""
        return decode_rows(await self._database.fetch(_LOAD_STREAM, journal_id, stream_id), self._keyring)

    async def read(self, journal_id: UUID, after: int = 0, limit: int = 1000) -> list[RecordedEvent]:
        """Read a journal's events in order, after a position (exclusive)."""
        return decode_rows(
            await self._database.fetch(READ_JOURNALS, [journal_id], [after], limit, _ANY_SIZE), self._keyring
        )

    async def close(self) -> None:
        """Finish the appends under way, take no more."""
        await self._batcher.close()

    async def _key_for(self, command: _Command, journal_id: UUID, aggregate: Aggregate) -> AESGCM | None:
        """The data key that the aggregate's events need; made with the journal where that is new."""
        sealing = any(event.SEALED for event in aggregate.unrecorded_events())
        if aggregate.id == journal_id and aggregate.version == len(aggregate.unrecorded_events()):
            key, wrapped_key = self._keyring.create(journal_id) if sealing else (None, None)
            command.new_journals.append(_NewJournal(journal_id, get_topic(type(aggregate)), wrapped_key))
            if key is not None:
                command.new_keys[journal_id] = key
            return key
        if not sealing:
            return None
        return command.new_keys.get(journal_id) or self._keyring.find(journal_id) or await self._load_key(journal_id)

    async def _load_key(self, journal_id: UUID) -> AESGCM:
        """Raises: Conflict where it was destroyed."""
        row = await self._database.fetchrow(_LOAD_KEY, journal_id)
        if row is None:
            raise Conflict(journal_id, 0)  # it was erased meanwhile: decided anew, what relied on it is gone
        return self._keyring.open(journal_id, row["wrapped_key"])

    async def _append_batch(self, commands: Sequence[_Command]) -> list[Appended | Exception]:
        (row,) = await self._database.fetch(APPEND_EVENTS, *_columns(commands))
        recorded_at, journals, heads, refused, streams, versions = row
        conflicts = {number: Conflict(*at) for number, *at in zip(refused, streams or (), versions or (), strict=True)}
        positions = dict(zip(journals, heads or (), strict=True))
        return [
            conflicts.get(number) or self._accept(command, positions, recorded_at)
            for number, command in enumerate(commands)
        ]

    def _accept(self, command: _Command, positions: dict[UUID, int], recorded_at: datetime) -> Appended:
        """Give the command's events the next positions of their journals, as the database did."""
        for event in command.events:
            positions[event.journal_id] += 1
        self._keyring.keep(command.new_keys)
        return Appended(positions[command.events[-1].journal_id], recorded_at)


def _require_writable(metadata: Metadata, journal_id: UUID) -> None:
    """Raises: JournalNotWritable."""
    if metadata.writable is not None and journal_id not in metadata.writable:
        raise JournalNotWritable(journal_id)


def replay(aggregate_class: type[AnyAggregate], events: Iterable[RecordedEvent]) -> AnyAggregate | None:
    """Bring a stream's aggregate to where its events end; None where there are none, or it is of another kind."""
    aggregate: Aggregate | None = None
    for recorded in events:
        created = aggregate is None
        aggregate = recorded.event.mutate(aggregate)
        if aggregate is None:
            continue
        if created:
            aggregate.created_by = recorded.actor
        if recorded.operation is not None:
            aggregate.operations[recorded.operation] = Done(recorded.position, recorded.fingerprint)
    return aggregate if isinstance(aggregate, aggregate_class) else None


def _columns(commands: Sequence[_Command]) -> Iterator[Sequence[Any]]:
    """Turn commands into the arrays that append_events takes; a command is known by its place in the batch."""
    events = [(number, *event) for number, command in enumerate(commands) for event in command.events]
    checks = [(number, *check) for number, command in enumerate(commands) for check in command.checks]
    journals = [(number, *journal) for number, command in enumerate(commands) for journal in command.new_journals]
    yield from zip(*events, strict=True)
    yield from zip(*checks, strict=True)
    yield from zip(*journals, strict=True) if journals else ((),) * 4


def decode_rows(rows: Iterable[asyncpg.Record], keyring: Keyring) -> list[RecordedEvent]:
    """Decode stored events, each with its journal's wrapped key beside it."""
    return [decode_row(row, keyring) for row in rows]


def decode_row(row: asyncpg.Record, keyring: Keyring) -> RecordedEvent:
    wrapped_key = row["wrapped_key"]
    return decode(row, keyring.open(row["journal_id"], wrapped_key) if wrapped_key else None)
