"""The operation: an Idempotency-Key that is taken, where no one book could tell that it is."""

from uuid import UUID

from eventsourcing.domain import event

from eventstore.aggregate import Aggregate, Created


class Operation(Aggregate):
    """A journal whose id is that of the operation: a second one conflicts at version 1, in whatever books it acts."""

    TOPIC = "operation"

    class Claimed(Created):
        TOPIC = "operation.claimed"

    @event(Claimed)
    def __init__(
        self,
        id: UUID,  # noqa: A002 - the library's name for it
    ) -> None:
        """What was asked for is known by the fingerprint of the event."""
