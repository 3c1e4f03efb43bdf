"""Commands on sessions: sign in, go on, sign out."""

import contextlib
import secrets
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from auth import tokens as access_tokens
from auth.commands.deciding import ATTEMPTS_MAX, Auth, change_session
from auth.errors import (
    InvalidCredentials,
    InvalidRefreshToken,
    RefreshTokenReused,
    SessionNotFound,
    TooManySignIns,
)
from auth.session import ENDED_FROM_ELSEWHERE, SIGNED_OUT, RefreshToken, Session
from auth.tokens import Principal
from auth.user import EmailClaim, User, claim_id
from eventstore.codec import Metadata, PlainEvent
from eventstore.errors import Conflict
from eventstore.store import Change, Guard

_SESSION_EVENTS: Final = (Session.Started, Session.Refreshed, Session.Ended)


@dataclass(frozen=True)
class Tokens:
    """What a client goes on with (RFC 6749, 5.1); the lifetimes are in seconds from now."""

    access_token: str = field(repr=False)
    token_type: str
    expires_in: int
    refresh_token: str = field(repr=False)
    refresh_expires_in: int


async def sign_in(auth: Auth, request_id: str, email: str, password: str, user_agent: str, ip: str) -> Tokens:
    """Start a session, on the user as verified: a password changed meanwhile does not let in.

    Raises: InvalidCredentials, TooManySignIns.
    """
    for _ in range(ATTEMPTS_MAX):
        user = await _verified_user(auth, email, password)
        guard = Guard(user.id, user.id, user.version)
        if auth.passwords.needs_rehash(user.password_hash):
            user.rehash_password(await auth.passwords.hash(password))
        token = RefreshToken(user.id, auth.new_id(), secrets.token_bytes(RefreshToken.SECRET_BYTES))
        session = Session(id=token.session_id, refresh_hash=token.digest, user_agent=user_agent, ip=ip)
        changes = [Change(user.id, user), Change(user.id, session)]
        try:
            await auth.store.append(Metadata(user.id, request_id), changes, [guard])
        except Conflict:
            continue
        return _tokens(auth, session, token)
    raise TooManySignIns


async def refresh(auth: Auth, request_id: str, refresh_token: str, user_agent: str, ip: str) -> Tokens:
    """Raises: InvalidRefreshToken; RefreshTokenReused where that ended the session; TooManySignIns."""
    token = RefreshToken.parse(refresh_token)
    if token is None:
        raise InvalidRefreshToken
    successor = token.successor(auth.rotation_key)

    def decide(session: Session) -> None:
        session.refresh(token, successor, auth.clock(), user_agent, ip)

    session = await change_session(auth, request_id, token.user_id, token.session_id, decide)
    if session is None:
        raise InvalidRefreshToken
    if session.ended:
        raise RefreshTokenReused(token.user_id)
    return _tokens(auth, session, successor)


async def sign_out(auth: Auth, request_id: str, principal: Principal) -> None:
    """End the session; nothing happens where it has ended. Raises: TooManySignIns."""

    def decide(session: Session) -> None:
        session.end(SIGNED_OUT)

    await change_session(auth, request_id, principal.user_id, principal.session_id, decide)


async def end_session(auth: Auth, metadata: Metadata, user_id: UUID, session_id: UUID) -> None:
    """End one session of the user's. Raises: SessionNotFound, TooManySignIns."""

    def decide(session: Session) -> None:
        if session.ended:
            raise SessionNotFound
        session.end(ENDED_FROM_ELSEWHERE)

    if await change_session(auth, metadata.request_id, user_id, session_id, decide) is None:
        raise SessionNotFound


async def end_sessions(auth: Auth, metadata: Metadata, user_id: UUID, kept: UUID | None, reason: str) -> None:
    """End all sessions of the user's but one. Raises: TooManySignIns."""
    for _ in range(ATTEMPTS_MAX):
        endings = await endings_of(auth, user_id, kept, reason)
        if not endings:
            return
        first = await auth.store.load(user_id, Session, endings[0].stream_id)
        if first is None or first.ended:
            continue
        first.end(reason)
        with contextlib.suppress(Conflict):  # one was refreshed or ended meanwhile
            await auth.store.append_many(metadata, user_id, [first], endings[1:])
    raise TooManySignIns


async def endings_of(auth: Auth, user_id: UUID, kept: UUID | None, reason: str) -> list[PlainEvent]:
    """The events that end all living sessions of the user's but one, found in two queries however many there are."""
    living = [session_id for session_id in await auth.list_sessions(user_id) if session_id != kept]
    if not living:
        return []
    last = await auth.store.find_last(user_id, living, _SESSION_EVENTS)
    return [
        PlainEvent(Session.Ended, stream_id, event.version + 1, {"reason": reason})
        for stream_id, event in last.items()
        if event is not None and not isinstance(event.event, Session.Ended)
    ]


async def _verified_user(auth: Auth, email: str, password: str) -> User:
    """Look for the user with this password; an unknown address takes the same steps and the same time."""
    journal_id = claim_id(auth.pepper, email)
    claim = await auth.store.load(journal_id, EmailClaim, journal_id)
    user_id = (claim and claim.user_id) or journal_id
    user = await auth.store.load(user_id, User, user_id)
    verified = await auth.passwords.verify(user.password_hash if user else None, password)
    if user is None or not verified:
        raise InvalidCredentials
    return user


def _tokens(auth: Auth, session: Session, refresh_token: RefreshToken) -> Tokens:
    return Tokens(
        access_token=auth.tokens.issue(refresh_token.user_id, session.id),
        token_type="Bearer",  # noqa: S106 - the name of a scheme
        expires_in=int(access_tokens.LIFETIME.total_seconds()),
        refresh_token=refresh_token.text,
        refresh_expires_in=int((session.expires_on - auth.clock()).total_seconds()),
    )
