"""A ledger on a store of a test's own."""

from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from eventstore.store import EventStore
from ledger.commands.deciding import Ledger


async def _no_email(_user_id: UUID) -> str:
    return "nobody@example.com"


def a_ledger(store: EventStore) -> Ledger:
    return Ledger(store, uuid7, lambda: datetime.now(UTC), _no_email, bytes(32))
