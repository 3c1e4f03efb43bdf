"""The base of every aggregate: ids are given, times are the database's, metadata is the store's."""

from datetime import UTC, datetime
from typing import Any, ClassVar, NamedTuple, cast
from uuid import UUID

from eventsourcing.domain import BaseAggregate, CanInitAggregate, CanMutateAggregate, DomainEvent

UNRECORDED = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands where the database's clock has not spoken yet."""


class Done(NamedTuple):
    """What an operation came to: the position of its last event here, and the fingerprint of its request."""

    position: int
    fingerprint: str | None


class Aggregate(BaseAggregate[UUID]):
    """A stream of a journal. `created_by` and the times are set by the store, at append and at load.

    `operations` are those that made its events, known once it was loaded.
    """

    class Event(CanMutateAggregate[UUID], DomainEvent):
        """An immutable change. Fields named in SEALED are encrypted under the journal's data key."""

        SEALED: ClassVar[frozenset[str]] = frozenset()

        @staticmethod
        def create_timestamp() -> datetime:
            return UNRECORDED

    def __base_init__(self, originator_id: Any, originator_version: int, timestamp: datetime) -> None:
        super().__base_init__(originator_id, originator_version, timestamp)
        self.created_by: UUID | None = None
        self.operations: dict[UUID, Done] = {}

    def unrecorded_events(self) -> "list[Aggregate.Event]":
        """The pending events, oldest first; they stay pending until they are stamped."""
        return cast("list[Aggregate.Event]", self.pending_events)

    def stamp(self, recorded_at: datetime, actor: UUID | None) -> None:
        """Note when and by whom the pending events were recorded, once they are."""
        if self.created_on is UNRECORDED:
            self._created_on = recorded_at
            self.created_by = actor
        self.modified_on = recorded_at
        self.pending_events.clear()


class Created(Aggregate.Event, CanInitAggregate[UUID]):
    """The first event of a stream; its topic is that of its aggregate, a dot, and its own name."""

    originator_topic: str
