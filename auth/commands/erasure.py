"""Commands that erase a whole account, asked by the user or by an admin."""

from functools import partial
from typing import Final
from uuid import UUID

from auth.api_token import REVOKED_BY_ERASURE, ApiToken
from auth.commands.deciding import Auth, UserCheck, load_user, log_events, retrying, topics_of
from auth.commands.limiting import retrying_limited
from auth.commands.proving import Proof, reauthenticate
from auth.commands.sessions import endings_of
from auth.commands.users import WholeAccounts, find_any_user
from auth.errors import InvalidCredentials
from auth.session import ACCOUNT_ERASED
from auth.user import EmailClaim, User, claim_id
from eventstore.codec import Metadata, PlainEvent
from eventstore.errors import Conflict
from eventstore.store import Change

_TOKEN_EVENTS: Final = (ApiToken.Issued, ApiToken.Used, ApiToken.Revoked)


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
