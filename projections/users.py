"""Read model: the users, by the names and addresses that members of a book see of each other."""

from collections.abc import Sequence
from typing import Final

from auth.user import User
from eventstore.codec import RecordedEvent
from eventstore.database import Transaction
from eventstore.sql import statement
from projections.engine import ReadModel

_SAVE = statement(__package__, "save_users")


async def project(transaction: Transaction, events: Sequence[RecordedEvent]) -> None:
    rows = [
        (recorded.journal_id, recorded.event.email, recorded.event.name)
        for recorded in events
        if isinstance(recorded.event, User.SignedUp)
    ]
    if rows:
        await transaction.execute(_SAVE, *zip(*rows, strict=True))


USERS: Final = ReadModel("users", "user", 1, ("users",), project)
