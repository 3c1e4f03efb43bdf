"""Commands on sessions: sign in, go on, sign out."""

import asyncio
import secrets
from dataclasses import dataclass, field
from uuid import UUID

from auth import tokens as access_tokens
from auth.commands.deciding import ATTEMPTS_MAX, Auth, change_session
from auth.errors import InvalidCredentials, InvalidRefreshToken, RefreshTokenReused, TooManySignIns
from auth.refusal import WRONG_PASSWORD
from auth.session import SIGNED_OUT, RefreshToken, Session
from auth.throttle import SIGN_IN, Attempt
from auth.tokens import Principal
from auth.user import EmailClaim, User, claim_id
from eventstore.codec import Metadata
from eventstore.errors import Conflict
from eventstore.store import Change, Guard


@dataclass(frozen=True)
class Tokens:
    """What a client goes on with (RFC 6749, 5.1); the lifetimes are in seconds from now."""

    access_token: str = field(repr=False)
    token_type: str
    expires_in: int
    refresh_token: str = field(repr=False)
    refresh_expires_in: int


async def sign_in(auth: Auth, request_id: str, email: str, password: str, user_agent: str, ip: str) -> Tokens:
    """Start a session, unless the account or the address has failed too often.

    Raises: InvalidCredentials, TooManyAttempts, TooManySignIns.
    """
    auth.passwords.require_room()
    account = claim_id(auth.pepper, email)
    admitted = await auth.throttle.admit(Attempt(SIGN_IN, account, ip))
    try:
        user = await _verified_user(auth, account, password)
    except InvalidCredentials as refused:
        auth.refusals.note(refused.user_id, WRONG_PASSWORD, request_id, user_agent, ip)
        raise
    except TooManySignIns:
        await auth.throttle.withdraw(admitted)
        raise
    started = _start_session(auth, request_id, account, user, password, user_agent, ip)
    tokens, _ = await asyncio.gather(started, auth.throttle.passed(admitted))
    return tokens


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


async def _verified_user(auth: Auth, account: UUID, password: str) -> User:
    """Look for the user with this password; an unknown address takes the same steps and the same time.

    Raises: InvalidCredentials, TooManySignIns.
    """
    claim = await auth.store.load(account, EmailClaim, account)
    user_id = claim.user_id if claim else account
    user = await auth.store.load(user_id, User, user_id)
    verified = await auth.passwords.verify(user.password_hash if user else None, password)
    if user is None or not verified:
        raise InvalidCredentials(user.id if user else None)
    return user


async def _start_session(
    auth: Auth, request_id: str, account: UUID, user: User, password: str, user_agent: str, ip: str
) -> Tokens:
    """Record the session, on the user as verified: a password changed meanwhile does not let in.

    Raises: InvalidCredentials, TooManySignIns.
    """
    for _ in range(ATTEMPTS_MAX):
        guard = Guard(user.id, user.id, user.version)
        if auth.passwords.needs_rehash(user.password_hash):
            user.rehash_password(await auth.passwords.hash(password))
        token = RefreshToken(user.id, auth.new_id(), secrets.token_bytes(RefreshToken.SECRET_BYTES))
        session = Session(id=token.session_id, refresh_hash=token.digest, user_agent=user_agent, ip=ip)
        changes = [Change(user.id, user), Change(user.id, session)]
        try:
            await auth.store.append(Metadata(user.id, request_id), changes, [guard])
        except Conflict:
            user = await _verified_user(auth, account, password)
            continue
        return _tokens(auth, session, token)
    raise TooManySignIns


def _tokens(auth: Auth, session: Session, refresh_token: RefreshToken) -> Tokens:
    return Tokens(
        access_token=auth.tokens.issue(refresh_token.user_id, session.id),
        token_type="Bearer",  # noqa: S106 - the name of a scheme
        expires_in=int(access_tokens.LIFETIME.total_seconds()),
        refresh_token=refresh_token.text,
        refresh_expires_in=int((session.expires_on - auth.clock()).total_seconds()),
    )
