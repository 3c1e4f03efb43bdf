"""Whole accounts: with the books, sessions and API tokens that the read models list; what commands on them open."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from uuid import UUID

from uuid_utils.compat import uuid7

from auth.cli import Administration
from auth.cli_users import UserAdministration
from auth.commands.users import WholeAccounts
from auth.opening import FIRST_KEY, PEPPER
from eventstore.settings import Settings
from eventstore.store import Change
from ledger.commands.members import part_with
from projections.api_tokens import list_api_token_ids
from projections.books import list_memberships
from projections.opening import Storage, open_beside
from projections.sessions import list_session_ids
from projections.users import list_accounts

Clock = Callable[[], datetime]


def whole_accounts(storage: Storage, clock: Clock) -> WholeAccounts:
    """What erases accounts, with all that belongs to them."""
    store, engine = storage.store, storage.engine

    async def part_with_books(user_id: UUID) -> Sequence[Change]:
        return await part_with(store, user_id, await list_memberships(engine, user_id))

    return WholeAccounts(
        store,
        storage.master_key.derive(PEPPER),
        partial(list_session_ids, engine),
        lambda user_id: list_api_token_ids(engine, user_id, clock()),
        part_with_books,
        engine.catch_up,
    )


@asynccontextmanager
async def open_key_administration(clock: Clock, settings: Settings) -> AsyncIterator[Administration]:
    """What commands on keys and services work with. Raises: StoreError, click.UsageError."""
    async with open_beside(settings) as storage:
        yield Administration(storage.store, storage.master_key.derive(FIRST_KEY), str(uuid7()), clock)


@asynccontextmanager
async def open_user_administration(clock: Clock, settings: Settings) -> AsyncIterator[UserAdministration]:
    """What commands on users work with. Raises: StoreError, click.UsageError."""
    async with open_beside(settings) as storage:
        accounts = whole_accounts(storage, clock)
        yield UserAdministration(accounts, str(uuid7()), partial(list_accounts, storage.engine))
