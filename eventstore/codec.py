"""Events to bytes and back: canonical JSON, sealed fields, topics and upcasters."""

import dataclasses
import os
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, Final, Literal, NamedTuple, NotRequired, TypedDict, cast
from uuid import UUID

import asyncpg
import msgspec
import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.persistence import Mapper, StoredEvent, Transcoder
from eventsourcing.utils import get_topic, resolve_topic

from eventstore.aggregate import Aggregate, Created
from eventstore.keys import NONCE_BYTES

_STORE_FIELDS: Final = frozenset({"originator_id", "originator_version", "originator_topic", "timestamp"})


@dataclass(frozen=True, slots=True)
class Metadata:
    """Who caused an event (None: the system itself), and in which request.

    `operation` is what a client calls by one Idempotency-Key, `fingerprint` tells its request from others.
    `writable` are the only journals that it may change (None: any); this is not stored.
    """

    actor: UUID | None
    request_id: str
    operation: UUID | None = None
    fingerprint: str | None = None
    writable: frozenset[UUID] | None = None


class EncodedEvent(NamedTuple):
    """An event as append takes it."""

    journal_id: UUID
    stream_id: UUID
    version: int
    topic: str
    state: bytes


class PlainEvent(NamedTuple):
    """An event as its fields, for those who record so many at once that making each would take too long."""

    kind: type[Aggregate.Event]
    stream_id: UUID
    version: int
    fields: dict[str, Any]


class RecordedEvent(msgspec.Struct, frozen=True):
    """An event as read back: the domain's event, and what the store knows of it."""

    journal_id: UUID
    position: int
    stream_id: UUID
    version: int
    recorded_at: datetime
    actor: UUID | None
    request_id: str
    event: Aggregate.Event
    operation: UUID | None = None
    fingerprint: str | None = None


class _StateAsIs(Transcoder):
    """Lets the library map, name and upcast a state that is still a dictionary."""

    def encode(self, obj: Any) -> bytes:
        return cast(bytes, obj)

    def decode(self, data: bytes) -> Any:
        return data


_mapper: Mapper[UUID] = Mapper(_StateAsIs())


def canonical(value: Any) -> bytes:
    """Encode as canonical JSON: sorted keys, UTF-8, no spaces."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS)


def _plain(value: Any) -> Any:
    """What orjson leaves to us: the driver's own kind of UUID, and records, whose fields are to be sorted too."""
    return str(value) if isinstance(value, UUID) else vars(value)


def encode(event: Aggregate.Event, journal_id: UUID, metadata: Metadata, key: AESGCM | None) -> EncodedEvent:
    """Turn an event into what is stored; its sealed fields are encrypted under the journal's data key."""
    stored = _mapper.to_stored_event(event)
    state = {name: value for name, value in cast(dict[str, Any], stored.state).items() if name not in _STORE_FIELDS}
    state |= metadata_fields(metadata)
    return _encoded(type(event), event.originator_id, event.originator_version, state, journal_id, key, fresh_nonces(1))


def encode_plain(
    event: PlainEvent, journal_id: UUID, told: Mapping[str, Any], key: AESGCM | None, nonces: Iterator[bytes]
) -> EncodedEvent:
    """Turn an event told by its fields into what `encode` makes of it; `told`: its metadata_fields."""
    kind, stream_id, version, fields = event
    state = {**fields, **told}
    if (class_version := getattr(kind, "class_version", 1)) > 1:
        state["class_version"] = class_version
    return _encoded(kind, stream_id, version, state, journal_id, key, nonces)


def _encoded(
    kind: type[Aggregate.Event],
    stream_id: UUID,
    version: int,
    state: dict[str, Any],
    journal_id: UUID,
    key: AESGCM | None,
    nonces: Iterator[bytes],
) -> EncodedEvent:
    if kind.SEALED:
        if key is None:
            raise TypeError(f"{kind.__qualname__} seals its text, but its journal has no data key")
        owner = journal_id.bytes + stream_id.bytes
        for field in kind.SEALED:
            if state[field] is not None:
                context = owner + version.to_bytes(4) + field.encode()
                state[field] = _seal(state[field], key, next(nonces), context)
    return EncodedEvent(journal_id, stream_id, version, get_topic(kind), canonical(state))


def metadata_fields(metadata: Metadata) -> dict[str, Any]:
    """What is stored of the metadata, beside an event's own fields; of an operation only where there is one."""
    fields: dict[str, Any] = {"actor": metadata.actor or "system", "request_id": metadata.request_id}
    if metadata.operation is not None:
        fields |= {"operation": metadata.operation, "fingerprint": metadata.fingerprint}
    return fields


class _Form(NamedTuple):
    """How the events of one topic are stored, as the code is now."""

    kind: type[Aggregate.Event]
    state: msgspec.json.Decoder[dict[str, Any]]
    version: int
    sealed: list[tuple[str, bytes, msgspec.json.Decoder[Any]]]
    """The name of each sealed field, the same as bytes, and what its text holds."""
    creates: str | None
    """The topic of the aggregate that it creates."""


@cache
def _form_of(topic: str) -> _Form:
    kind = resolve_topic(topic)
    own = {field.name: field.type for field in dataclasses.fields(kind) if field.name not in _STORE_FIELDS}
    version = getattr(kind, "class_version", 1)
    stored = {name: str | None if name in kind.SEALED else type_ for name, type_ in own.items()}
    told = {"actor": str, "request_id": str, "operation": NotRequired[UUID], "fingerprint": NotRequired[str]}
    versioned = {"class_version": Literal[version]} if version > 1 else {}
    state = cast("Any", TypedDict)("State", {**stored, **told, **versioned})
    sealed = [(name, name.encode(), msgspec.json.Decoder(own[name])) for name in kind.SEALED]
    creates = topic.rpartition(".")[0] if issubclass(kind, Created) else None
    return _Form(kind, msgspec.json.Decoder(state), version, sealed, creates)


def decode(row: asyncpg.Record, key: AESGCM | None) -> RecordedEvent:
    """Turn a stored event back; without its data key (erased) its sealed fields are None."""
    journal_id, stream_id, version = row["journal_id"], row["stream_id"], row["version"]
    recorded_at = row["recorded_at"]
    form = _form_of(row["topic"])
    try:
        state = form.state.decode(row["state"])
    except msgspec.ValidationError:
        state = _upcast(form, row)
    state.pop("class_version", None)
    actor, request_id = state.pop("actor"), state.pop("request_id")
    operation, fingerprint = state.pop("operation", None), state.pop("fingerprint", None)
    if form.sealed:
        _unseal(state, form, key, journal_id.bytes + stream_id.bytes + version.to_bytes(4))
    state |= {"originator_id": stream_id, "originator_version": version, "timestamp": recorded_at}
    if form.creates:
        state["originator_topic"] = form.creates
    event = object.__new__(form.kind)
    vars(event).update(state)
    actor_id = None if actor == "system" else _user_id(actor)
    return RecordedEvent(
        journal_id,
        row["position"],
        stream_id,
        version,
        recorded_at,
        actor_id,
        request_id,
        event,
        operation,
        fingerprint,
    )


def _upcast(form: _Form, row: asyncpg.Record) -> dict[str, Any]:
    """Bring the state of an event that was stored by earlier code to its present form.

    Raises: msgspec.ValidationError, or what an upcaster raises, where it is no event of its topic.
    """
    state = cast("bytes", orjson.loads(row["state"]))
    event = _mapper.to_domain_event(StoredEvent(row["stream_id"], row["version"], row["topic"], state))
    upcast: dict[str, Any] = msgspec.convert({**vars(event), "class_version": form.version}, form.state.type)
    return upcast


def _unseal(state: dict[str, Any], form: _Form, key: AESGCM | None, owner: bytes) -> None:
    for name, context, text in form.sealed:
        if key is None:
            state[name] = None
        elif state[name] is not None:
            content = a2b_base64(state[name])
            state[name] = text.decode(key.decrypt(content[:NONCE_BYTES], content[NONCE_BYTES:], owner + context))


@lru_cache(10_000)
def _user_id(text: str) -> UUID:
    """The same few users act again and again, and reading a UUID costs more than finding it."""
    return UUID(text)


def fresh_nonces(count: int) -> Iterator[bytes]:
    """Random nonces without end, taken from the system so many at a time."""
    while True:
        block = os.urandom(count * NONCE_BYTES)
        yield from (block[start : start + NONCE_BYTES] for start in range(0, len(block), NONCE_BYTES))


def _seal(value: Any, key: AESGCM, nonce: bytes, context: bytes) -> str:
    return b2a_base64(nonce + key.encrypt(nonce, canonical(value), context), newline=False).decode("ascii")
