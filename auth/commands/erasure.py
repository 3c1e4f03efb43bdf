"""Commands on whole accounts, asked by the user or by an admin: erase one, end its sessions, give and take roles."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final
from uuid import UUID

from auth.api_token import REVOKED_BY_ADMIN, REVOKED_BY_ERASURE, ApiToken
from auth.commands.deciding import Auth, UserCheck, decide_on_user, load_user, log_events, retrying, topics_of
from auth.commands.limiting import retrying_limited
from auth.commands.proving import Proof, reauthenticate
from auth.commands.sessions import end_sessions, endings_of
from auth.errors import InvalidCredentials, UserNotFound
from auth.session import ACCOUNT_ERASED, ENDED_BY_ADMIN
from auth.user import EmailClaim, User, claim_id
from eventstore.aggregate import Aggregate
from eventstore.codec import Metadata, PlainEvent
from eventstore.errors import Conflict
from eventstore.store import Change, EventStore

_TOKEN_EVENTS: Final = (ApiToken.Issued, ApiToken.Used, ApiToken.Revoked)

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


async def erase_own_account(
    auth: Auth,
    accounts: WholeAccounts,
    metadata: Metadata,
    user_id: UUID,
    ip: str,
    check: UserCheck,
    password: str,
    otp: str | None,
) -> None:
    """Erase the account of who is signed in and proves it again.

    Raises: WrongPassword, OtpRequired, TooManyAttempts, TooManySignIns, and what `part_with` raises.
    """

    async def attempt() -> None:
        user, proof = await reauthenticate(auth, metadata, user_id, password, otp)
        check(user)
        try:
            await _erase(accounts, metadata, user_id, proof)
        except Conflict as conflict:
            if conflict.stream_id in proof.once:
                raise InvalidCredentials from None
            raise

    await retrying_limited(auth, user_id, ip, attempt)
    await _erase_rest(accounts, metadata, user_id)


async def erase_account(accounts: WholeAccounts, metadata: Metadata, user_id: UUID) -> None:
    """Erase an account for an admin, or what a book opened at the same moment has left of one.

    Raises: UserNotFound, TooManySignIns, and what `part_with` raises.
    """
    await find_any_user(accounts, user_id)
    await retrying(partial(_erase, accounts, metadata, user_id, Proof([])))
    await _erase_rest(accounts, metadata, user_id)


async def _erase(accounts: WholeAccounts, metadata: Metadata, user_id: UUID, proof: Proof) -> None:
    """Erase all of it in one transaction; nothing happens where it is done. Raises: Conflict.

    Nothing comes to the user's journal between the look at its sessions and tokens and their end.
    """
    head = await accounts.store.find_head(user_id)
    user = await load_user(accounts, user_id)
    if user is None:
        return
    claim = await _released_claim(accounts, user)
    user.erase()
    books = await accounts.part_with(user_id)
    own = [aggregate for aggregate in (*proof.aggregates, user) if aggregate.unrecorded_events()]
    changes = [*(Change(user_id, aggregate) for aggregate in own), Change(claim.id, claim), *books]
    endings = await endings_of(accounts, user_id, None, ACCOUNT_ERASED)
    endings += await _revocations(accounts, user_id, REVOKED_BY_ERASURE)
    topics = topics_of([change.aggregate for change in changes], endings)
    await accounts.store.erase(metadata, changes, proof.guards, head, endings)
    log_events(topics, user_id, metadata.request_id)
    await accounts.catch_up([journal_id for journal_id, _ in changes])


async def _erase_rest(accounts: WholeAccounts, metadata: Metadata, user_id: UUID) -> None:
    """Part with the books that the user opened or joined at the same moment, until there are none."""

    async def attempt() -> bool:
        changes = await accounts.part_with(user_id)
        topics = topics_of(change.aggregate for change in changes)
        if changes:
            await accounts.store.erase(metadata, changes)
            log_events(topics, user_id, metadata.request_id)
        await accounts.catch_up([user_id, *(journal_id for journal_id, _ in changes)])
        return bool(changes)

    while await retrying(attempt):
        pass


async def _released_claim(accounts: WholeAccounts, user: User) -> EmailClaim:
    """Raises: Conflict where another address was confirmed meanwhile."""
    journal_id = claim_id(accounts.pepper, user.email)
    claim = await accounts.store.load(journal_id, EmailClaim, journal_id)
    if claim is None or claim.user_id != user.id:
        raise Conflict(journal_id, claim.version if claim else 0)
    claim.release()
    return claim


async def _revocations(accounts: WholeAccounts, user_id: UUID, reason: str) -> list[PlainEvent]:
    """The events that revoke all API tokens of the user's that can be used."""
    living = await accounts.list_api_tokens(user_id)
    last = await accounts.store.find_last(user_id, living, _TOKEN_EVENTS) if living else {}
    return [
        PlainEvent(ApiToken.Revoked, stream_id, event.version + 1, {"reason": reason})
        for stream_id, event in last.items()
        if event is not None and not isinstance(event.event, ApiToken.Revoked)
    ]


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
