"""A ledger on a store of a test's own."""

from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from eventstore.store import EventStore, Guard
from ledger.commands.deciding import Ledger


async def _nobody(_user_id: UUID) -> tuple[str, list[Guard]]:
    """Somebody who has no journal here, and is not erased."""
    return "nobody@example.com", []


def a_ledger(store: EventStore) -> Ledger:
    return Ledger(store, uuid7, lambda: datetime.now(UTC), _nobody, bytes(32))
