"""Every form in which an event was ever stored: events.ndjson; lines are added, never changed or removed.

`python -m tests.contract.golden` adds the streams of its story that tell a form without a line. An event that changes
its form keeps its old line and gets another one.
"""

from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from eventstore.aggregate import Aggregate
from eventstore.codec import EncodedEvent, RecordedEvent, canonical, decode

EVENTS: Final = Path(__file__).with_name("events.ndjson")
TOPICS: Final = Path(__file__).with_name("topics.txt")
DATA_KEY: Final = AESGCM(bytes(range(32)))


def lines() -> list[bytes]:
    return EVENTS.read_bytes().splitlines() if EVENTS.exists() else []


def load(line: bytes) -> RecordedEvent:
    """Turn a line into what the store gives back for it."""
    told = orjson.loads(line)
    row: Any = {
        "journal_id": UUID(told["journal"]),
        "position": told["position"],
        "recorded_at": datetime.fromisoformat(told["recorded_at"]),
        "state": canonical(told["state"]),
        "stream_id": UUID(told["stream"]),
        "topic": told["topic"],
        "version": told["version"],
    }
    return decode(row, DATA_KEY)


def form_of(line: bytes) -> tuple[str, int]:
    """The topic of an event, and the version of its class that stored it."""
    told = orjson.loads(line)
    return told["topic"], told["state"].get("class_version", 1)


def line_of(event: EncodedEvent, position: int, recorded_at: datetime) -> bytes:
    return canonical(
        {
            "journal": event.journal_id,
            "position": position,
            "recorded_at": f"{recorded_at:%Y-%m-%dT%H:%M:%S.%fZ}",
            "state": orjson.loads(event.state),
            "stream": event.stream_id,
            "topic": event.topic,
            "version": event.version,
        }
    )


def event_classes() -> set[type[Aggregate.Event]]:
    """The stored events of all aggregates that are imported."""
    aggregates = _below(Aggregate)
    nested = {value for cls in aggregates for value in vars(cls).values() if isinstance(value, type)}
    return {cls for cls in nested if issubclass(cls, Aggregate.Event) and hasattr(cls, "TOPIC")}


def aggregate_classes() -> set[type[Aggregate]]:
    return _below(Aggregate)


def _below(cls: type[Any]) -> set[type[Any]]:
    return {below for one in cls.__subclasses__() for below in {one, *_below(one)}}
