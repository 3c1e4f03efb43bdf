"""How every command on an account is decided: on what is stored, anew where it moved on meanwhile."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, TypeVar
from uuid import UUID

import structlog
from eventsourcing.utils import get_topic

from auth.ceremonies import Ceremonies
from auth.commands.refusals import Refusals
from auth.errors import TooManySignIns, Unauthenticated
from auth.passwords import Passwords
from auth.session import Session
from auth.throttle import Throttle
from auth.tokens import AccessTokens
from auth.user import User
from eventstore.aggregate import Aggregate
from eventstore.codec import Metadata, PlainEvent
from eventstore.errors import Conflict
from eventstore.store import Change, EventStore, Guard

ATTEMPTS_MAX: Final = 10

Result = TypeVar("Result")

Decide = Callable[[User], Awaitable[Sequence[Aggregate]]]
"""Changes a user. Returns: what is to be recorded of it, unless nothing happened to it."""

UserCheck = Callable[[User], None]
"""A precondition of the caller (If-Match) on the user as stored; raises to refuse."""

_log = structlog.get_logger("security")


@dataclass(frozen=True)
class Auth:
    """The store, what makes and checks passwords, tokens and answers of passkeys, and what keeps guessers off."""

    store: EventStore
    passwords: Passwords
    tokens: AccessTokens
    throttle: Throttle
    refusals: Refusals
    pepper: bytes
    rotation_key: bytes
    new_id: Callable[[], UUID]
    clock: Callable[[], datetime]
    ceremonies: Ceremonies
    link_key: bytes
    """What the secrets of mailed links follow from."""
    list_sessions: Callable[[UUID], Awaitable[Sequence[UUID]]]
    """The sessions of a user that have not ended, up to now."""
    can_text: bool
    """Whether there is a way to a phone."""


class Accounts(Protocol):
    """What commands on a whole account work with, whoever gives them: the user, or an admin."""

    @property
    def store(self) -> EventStore: ...

    @property
    def list_sessions(self) -> Callable[[UUID], Awaitable[Sequence[UUID]]]: ...


async def load_user(accounts: Accounts, user_id: UUID) -> User | None:
    """The user as stored; None where there is none, or no longer."""
    user = await accounts.store.load(user_id, User, user_id)
    return None if user is None or user.erased else user


async def find_user(auth: Accounts, user_id: UUID) -> User:
    """Raises: Unauthenticated where the user is gone."""
    user = await load_user(auth, user_id)
    if user is None:
        raise Unauthenticated
    return user


async def decide_on_user(auth: Accounts, metadata: Metadata, user_id: UUID, decide: Decide) -> User:
    """Decide on the stored user; what changed is recorded together, all in the user's journal.

    Raises: Unauthenticated, TooManySignIns, and what `decide` raises.
    """

    async def attempt() -> User:
        user = await find_user(auth, user_id)
        await record_changed(auth.store, metadata, user_id, await decide(user))
        return user

    return await retrying(attempt)


async def change_session(
    auth: Auth, request_id: str, user_id: UUID, session_id: UUID, decide: Callable[[Session], None]
) -> Session | None:
    async def attempt() -> Session | None:
        session = await auth.store.load(user_id, Session, session_id)
        if session is not None:
            decide(session)
            await record_changed(auth.store, Metadata(user_id, request_id), user_id, [session])
        return session

    return await retrying(attempt)


async def record_changed(
    store: EventStore,
    metadata: Metadata,
    user_id: UUID,
    aggregates: Iterable[Aggregate],
    more: Sequence[PlainEvent] = (),
    guards: Sequence[Guard] = (),
) -> None:
    """Append what changed, if anything; each event is one of security, so it is logged too.

    `more` are events to be recorded with it, of other streams. Raises: Conflict.
    """
    changed = [aggregate for aggregate in aggregates if aggregate.unrecorded_events()]
    if not changed:
        return
    topics = topics_of(changed, more)
    if more:
        await store.append_many(metadata, user_id, changed, more, guards)
    else:
        await store.append(metadata, [Change(user_id, aggregate) for aggregate in changed], guards)
    log_events(topics, user_id, metadata.request_id)


async def retrying(attempt: Callable[[], Awaitable[Result]]) -> Result:
    """Decide anew where what was decided on moved on meanwhile. Raises: TooManySignIns."""
    for _ in range(ATTEMPTS_MAX):
        try:
            return await attempt()
        except Conflict:
            continue
    raise TooManySignIns


def topics_of(aggregates: Iterable[Aggregate], more: Iterable[PlainEvent] = ()) -> list[str]:
    """What is to be recorded; once it is, the aggregates no longer tell."""
    kinds = [type(event) for aggregate in aggregates for event in aggregate.unrecorded_events()]
    return [get_topic(kind) for kind in (*kinds, *(event.kind for event in more))]


def log_events(topics: Iterable[str], user_id: UUID, request_id: str) -> None:
    """Log what was recorded: each event of an account is one of security."""
    for topic in topics:
        _log.info("security event", topic=topic, user_id=user_id, request_id=request_id)
