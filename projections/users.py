"""Read model: the users, by the names and addresses that members of a book see of each other."""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg

from auth.user import User
from eventstore.codec import RecordedEvent
from eventstore.database import Transaction
from eventstore.sql import statement
from projections.engine import FIRST_JOURNAL, Engine, ReadModel

_LOAD = statement(__package__, "load_users")
_SAVE = statement(__package__, "save_users")
_LIST_ACCOUNTS = statement(__package__, "list_accounts")
_LIST = statement(__package__, "list_users")

ACCOUNTS_PAGE: Final = 1_000


@dataclass
class UserRow:
    """The columns of `users`, in their order."""

    journal_id: UUID
    email: str | None
    name: str | None


def fold(rows: dict[UUID, UserRow], events: Iterable[RecordedEvent]) -> None:
    """Apply events to rows, in place; rows of users who signed up earlier must be there."""
    for recorded in events:
        match recorded.event:
            case User.SignedUp() as event:
                rows[recorded.journal_id] = UserRow(recorded.journal_id, event.email, event.name)
            case User.ProfileAmended() as event:
                rows[recorded.journal_id].name = event.name
            case User.EmailChanged() as event:
                rows[recorded.journal_id].email = event.email


async def project(transaction: Transaction, events: Sequence[RecordedEvent]) -> None:
    of_users = [
        event for event in events if isinstance(event.event, User.SignedUp | User.ProfileAmended | User.EmailChanged)
    ]
    if not of_users:
        return
    loaded = await transaction.fetch(_LOAD, list({event.journal_id for event in of_users}))
    rows = {row["journal_id"]: UserRow(**row) for row in loaded}
    fold(rows, of_users)
    await transaction.execute(_SAVE, *zip(*map(astuple, rows.values()), strict=True))


USERS: Final = ReadModel("users", "user", 1, ("users",), project)


async def find_users(engine: Engine, user_ids: Collection[UUID]) -> dict[UUID, asyncpg.Record]:
    """The name and the email of some users, by their ids; None of those who were erased."""
    return {row["user_id"]: row for row in await engine.fetch_fresh(_LIST, list(user_ids))}


async def list_accounts(engine: Engine) -> AsyncIterator[dict[str, Any]]:
    """All users, those who signed up first at first; email and name are None of those who were erased."""
    after = FIRST_JOURNAL
    while rows := await engine.fetch_fresh(_LIST_ACCOUNTS, after, ACCOUNTS_PAGE):
        for row in rows:
            yield {"id": str(row["journal_id"]), "email": row["email"], "name": row["name"]}
        after = rows[-1]["journal_id"]
