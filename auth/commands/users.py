"""Commands on users, asked by an admin: find one, end the sessions, give and take roles."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from auth.api_token import REVOKED_BY_ADMIN, ApiToken
from auth.commands.deciding import decide_on_user, load_user, log_events, retrying
from auth.commands.sessions import end_sessions
from auth.errors import UserNotFound
from auth.session import ENDED_BY_ADMIN
from auth.user import EmailClaim, User, claim_id
from eventstore.aggregate import Aggregate
from eventstore.codec import Metadata
from eventstore.store import Change, EventStore

FindIds = Callable[[UUID], Awaitable[Sequence[UUID]]]


@dataclass(frozen=True)
class WholeAccounts:
    """The store, and what is to be known beyond a user's own stream."""

    store: EventStore
    pepper: bytes
    list_sessions: FindIds
    """Those of a user that have not ended, up to now."""
    list_api_tokens: FindIds
    """Those of a user that can be used, up to now."""
    part_with: Callable[[UUID], Awaitable[Sequence[Change]]]
    """What is to be recorded in the books of a user who is to be erased. Raises where some are shared."""
    catch_up: Callable[[Sequence[UUID]], Awaitable[None]]
    """Brings what is read of some journals up to them: what is erased is gone from there, what has ended refused."""


async def end_all_sessions(accounts: WholeAccounts, metadata: Metadata, user_id: UUID) -> None:
    """End all sessions of a user's, and revoke the API tokens. Raises: UserNotFound, TooManySignIns."""
    if await load_user(accounts, user_id) is None:
        raise UserNotFound

    async def revoke() -> None:
        for token_id in await accounts.list_api_tokens(user_id):
            token = await accounts.store.load(user_id, ApiToken, token_id)
            if token is not None and not token.revoked:
                token.revoke(REVOKED_BY_ADMIN)
                await accounts.store.append(metadata, [Change(user_id, token)])
                log_events([ApiToken.Revoked.TOPIC], user_id, metadata.request_id)

    await end_sessions(accounts, metadata, user_id, None, ENDED_BY_ADMIN)
    await retrying(revoke)
    await accounts.catch_up([user_id])


async def change_roles(
    accounts: WholeAccounts, metadata: Metadata, user_id: UUID, change: Callable[[User], None]
) -> None:
    """Give or take a role. Raises: UserNotFound, TooManySignIns."""
    if await load_user(accounts, user_id) is None:
        raise UserNotFound

    async def decide(user: User) -> Sequence[Aggregate]:
        change(user)
        return [user]

    await decide_on_user(accounts, metadata, user_id, decide)


async def find_any_user(accounts: WholeAccounts, user_id: UUID) -> User:
    """A user who may be erased. Raises: UserNotFound."""
    user = await accounts.store.load(user_id, User, user_id)
    if user is None:
        raise UserNotFound
    return user


async def find_user_id(accounts: WholeAccounts, name: str) -> UUID:
    """The id of a user who is named by it, or by the e-mail address. Raises: UserNotFound."""
    if "@" not in name:
        try:
            return UUID(name)
        except ValueError:
            raise UserNotFound from None
    journal_id = claim_id(accounts.pepper, name)
    claim = await accounts.store.load(journal_id, EmailClaim, journal_id)
    if claim is None or claim.user_id is None:
        raise UserNotFound
    return claim.user_id
