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
from eventstore.store import Change, EventStore

ATTEMPTS_MAX: Final = 10

Result = TypeVar("Result")

Decide = Callable[[User], Awaitable[Sequence[Aggregate]]]
"""Changes a user. Returns: what is to be recorded of it, unless nothing happened to it."""

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


async def decide_on_user(
    auth: Accounts,
    metadata: Metadata,
    user_id: UUID,
    decide: Decide,
    find_more: Callable[[User], Awaitable[Sequence[PlainEvent]]] | None = None,
) -> User:
    """Decide on the stored user; what changed is recorded together, all in the user's journal.

    `find_more` finds events to be recorded with it, of other streams.
    Raises: Unauthenticated, TooManySignIns, and what `decide` raises.
    """
    for _ in range(ATTEMPTS_MAX):
        user = await find_user(auth, user_id)
        changed = [aggregate for aggregate in await decide(user) if aggregate.unrecorded_events()]
        more = await find_more(user) if find_more else []
        if not changed:
            return user
        topics = topics_of(changed, more)
        try:
            if more:
                await auth.store.append_many(metadata, user_id, changed, more)
            else:
                await auth.store.append(metadata, [Change(user_id, aggregate) for aggregate in changed])
        except Conflict:
            continue
        log_events(topics, user_id, metadata.request_id)
        return user
    raise TooManySignIns


async def change_session(
    auth: Auth, request_id: str, user_id: UUID, session_id: UUID, decide: Callable[[Session], None]
) -> Session | None:
    for _ in range(ATTEMPTS_MAX):
        session = await auth.store.load(user_id, Session, session_id)
        if session is None:
            return None
        decide(session)
        if not session.unrecorded_events():
            return session
        topics = topics_of([session])
        try:
            await auth.store.append(Metadata(user_id, request_id), [Change(user_id, session)])
        except Conflict:
            continue
        log_events(topics, user_id, request_id)
        return session
    raise TooManySignIns


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
