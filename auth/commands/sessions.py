"""Commands on sessions: sign in, go on, sign out."""

import asyncio
import contextlib
import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from uuid import UUID

import structlog

from auth import tokens as access_tokens
from auth.commands.deciding import (
    ATTEMPTS_MAX,
    Accounts,
    Auth,
    change_session,
    load_user,
    log_events,
    retrying,
    topics_of,
)
from auth.commands.limiting import limited
from auth.commands.proving import Proof, prove_factor, prove_passkey, record
from auth.errors import (
    InvalidCredentials,
    InvalidPasskey,
    InvalidRefreshToken,
    RefreshTokenReused,
    SessionNotFound,
    TooManySignIns,
)
from auth.refusal import WRONG_FACTOR, WRONG_PASSWORD
from auth.session import ENDED_FROM_ELSEWHERE, SIGNED_OUT, RefreshToken, Session
from auth.tokens import Principal
from auth.user import EmailClaim, User, claim_id
from eventstore.codec import Metadata, PlainEvent
from eventstore.errors import Conflict
from eventstore.store import Guard

_log = structlog.get_logger("security")

STEP_SECONDS: Final = 0.01
"""Refusals are answered after a multiple of this: that somebody known takes longer to look up is not seen."""

_SESSION_EVENTS: Final = (Session.Started, Session.Refreshed, Session.Ended)


@dataclass(frozen=True)
class Tokens:
    """What a client goes on with (RFC 6749, 5.1); the lifetimes are in seconds from now."""

    access_token: str = field(repr=False)
    token_type: str
    expires_in: int
    refresh_token: str = field(repr=False)
    refresh_expires_in: int


class _Client(NamedTuple):
    """What is noted of who was refused."""

    request_id: str
    user_agent: str
    ip: str


async def sign_in(
    auth: Auth,
    request_id: str,
    email: str,
    password: str,
    otp: str | None,
    passkey: dict[str, Any] | None,
    user_agent: str,
    ip: str,
) -> Tokens:
    """Start a session, on the user as verified: a password or factor changed meanwhile does not let in.

    Raises: InvalidCredentials, OtpRequired, InvalidPasskey, TooManyAttempts, TooManySignIns.
    """
    account = claim_id(auth.pepper, email)
    client = _Client(request_id, user_agent, ip)

    async def attempt() -> Tokens:
        user = await _verified_user(auth, account, password, client)
        try:
            proof = await prove_factor(auth, Metadata(user.id, request_id), user.id, otp, passkey)
            if auth.passwords.needs_rehash(user.password_hash):
                user.rehash_password(await auth.passwords.hash(password))
            return await _start(auth, request_id, user, proof, user_agent, ip)
        except (InvalidCredentials, InvalidPasskey):
            auth.refusals.note(user.id, WRONG_FACTOR, *client)
            raise

    async with limited(auth, account, ip):
        return await retrying(attempt)


async def sign_in_with_passkey(
    auth: Auth, request_id: str, credential: dict[str, Any], user_agent: str, ip: str
) -> Tokens:
    """Start a session for who holds a passkey, which names the user and has verified who holds it.

    Raises: InvalidPasskey, TooManySignIns.
    """
    user_id = auth.ceremonies.read_assertion(credential).user_id
    if user_id is None:
        raise InvalidPasskey

    async def attempt() -> Tokens:
        user = await load_user(auth, user_id)
        if user is None:
            raise InvalidPasskey
        try:
            proof = await prove_passkey(auth, Metadata(user_id, request_id), user_id, credential, user_verified=True)
        except InvalidPasskey:
            auth.refusals.note(user_id, WRONG_FACTOR, request_id, user_agent, ip)
            raise
        return await _start(auth, request_id, user, proof, user_agent, ip)

    return await retrying(attempt)


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
        _log.warning("refresh token reused", user_id=token.user_id, session_id=session.id, request_id=request_id)
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


async def end_sessions(auth: Accounts, metadata: Metadata, user_id: UUID, kept: UUID | None, reason: str) -> None:
    """End all sessions of the user's but one. Raises: TooManySignIns."""
    for _ in range(ATTEMPTS_MAX):
        endings = await endings_of(auth, user_id, kept, reason)
        if not endings:
            return
        first = await auth.store.load(user_id, Session, endings[0].stream_id)
        if first is None or first.ended:
            continue
        first.end(reason)
        topics = topics_of([first], endings[1:])
        with contextlib.suppress(Conflict):  # one was refreshed or ended meanwhile
            await auth.store.append_many(metadata, user_id, [first], endings[1:])
            log_events(topics, user_id, metadata.request_id)
    raise TooManySignIns


async def endings_of(auth: Accounts, user_id: UUID, kept: UUID | None, reason: str) -> list[PlainEvent]:
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


async def _verified_user(auth: Auth, account: UUID, password: str, client: _Client) -> User:
    """Look for the user with this password; an unknown address takes the same steps and the same time.

    Raises: InvalidCredentials, TooManySignIns.
    """
    began = time.monotonic()
    claim = await auth.store.load(account, EmailClaim, account)
    user_id = (claim and claim.user_id) or account
    user = await load_user(auth, user_id)
    verified = await auth.passwords.verify(user.password_hash if user else None, password)
    if user is None or not verified:
        auth.refusals.note(user.id if user else None, WRONG_PASSWORD, *client)
        await asyncio.sleep(STEP_SECONDS - (time.monotonic() - began) % STEP_SECONDS)
        raise InvalidCredentials
    return user


async def _start(auth: Auth, request_id: str, user: User, proof: Proof, user_agent: str, ip: str) -> Tokens:
    """Record the session together with what proved it. Raises: Conflict, InvalidCredentials."""
    token = RefreshToken(user.id, auth.new_id(), secrets.token_bytes(RefreshToken.SECRET_BYTES))
    session = Session(id=token.session_id, refresh_hash=token.digest, user_agent=user_agent, ip=ip, amr=proof.amr)
    proof.guards.append(Guard(user.id, user.id, user.version - len(user.unrecorded_events())))
    await record(auth, Metadata(user.id, request_id), user.id, proof, user, session)
    return _tokens(auth, session, token)


def _tokens(auth: Auth, session: Session, refresh_token: RefreshToken) -> Tokens:
    return Tokens(
        access_token=auth.tokens.issue(refresh_token.user_id, session.id, session.amr),
        token_type="Bearer",  # noqa: S106 - the name of a scheme
        expires_in=int(access_tokens.LIFETIME.total_seconds()),
        refresh_token=refresh_token.text,
        refresh_expires_in=int((session.expires_on - auth.clock()).total_seconds()),
    )
