"""What a token is worth (RFC 7662), and its end (RFC 7009); who holds a token may ask for either."""

from typing import Any, Final
from uuid import UUID

import structlog

from auth.api_token import REVOKED_BY_HOLDER, ApiSecret
from auth.commands.api_tokens import find_token, revoke_token
from auth.commands.bearer import BearerTokens
from auth.commands.deciding import Auth, change_session
from auth.errors import ApiTokenNotFound, Unauthenticated
from auth.session import REVOKED, RefreshToken, Session
from eventstore.codec import Metadata

Claims = dict[str, Any]

INACTIVE: Final[Claims] = {"active": False}
"""All that is told of a token that is no good, whatever the reason (RFC 7662, 2.2)."""
USER_SCOPE: Final = "account read write"
"""What an access token is for: all that its user may do."""
BEARER: Final = "Bearer"
REFRESH: Final = "refresh_token"
"""Not a type that anybody may take for access."""

_log = structlog.get_logger("security")


async def introspect(auth: Auth, bearer: BearerTokens, text: str, owner: UUID | None) -> Claims:
    """Describe a token as it is stored now, without spending it; to an owner none but his own."""
    found = await _describe(auth, bearer, text)
    if found is None or (owner is not None and found["sub"] != owner):
        return INACTIVE
    return {"active": True, "iss": auth.tokens.issuer, "aud": auth.tokens.audience, **found}


async def revoke(auth: Auth, bearer: BearerTokens, request_id: str, text: str, owner: UUID | None) -> UUID | None:
    """End the session of a token, or the API token itself; nothing happens for one that is no good.

    Returns: whose it was; for an owner nothing but his own counts. Raises: TooManySignIns.
    """
    place = await _place_of(bearer, text)
    if place is None or (owner is not None and place[0] != owner):
        return None
    if text.startswith(ApiSecret.PREFIX):
        return await _revoke_api_token(auth, request_id, text)
    refresh_token, issued = RefreshToken.parse(text), True

    def decide(session: Session) -> None:
        nonlocal issued
        issued = refresh_token is None or session.has_issued(refresh_token)
        if issued:
            session.end(REVOKED)

    user_id, session_id = place
    session = await change_session(auth, request_id, user_id, session_id, decide)
    if session is None or not issued:
        return None
    _log.info("session revoked", user_id=user_id, session_id=session_id, request_id=request_id)
    return user_id


async def _place_of(bearer: BearerTokens, text: str) -> tuple[UUID, UUID] | None:
    """The user and the stream that a token speaks of; of opaque ones that is still to be proved."""
    opaque = ApiSecret.parse(text) or RefreshToken.parse(text)
    if opaque is not None:
        return opaque.journal_id, opaque.stream_id
    try:
        claims = await bearer.claims_of(text)
    except Unauthenticated:
        return None
    return UUID(claims["sub"]), UUID(claims["sid"])


async def _revoke_api_token(auth: Auth, request_id: str, text: str) -> UUID | None:
    secret, token = ApiSecret.parse(text), await find_token(auth.store, text, auth.clock())
    if secret is None or token is None:
        return None
    try:
        await revoke_token(auth, Metadata(secret.user_id, request_id), secret.user_id, token.id, REVOKED_BY_HOLDER)
    except ApiTokenNotFound:  # just now, by somebody else
        return None
    return secret.user_id


async def _describe(auth: Auth, bearer: BearerTokens, text: str) -> Claims | None:
    if text.startswith(ApiSecret.PREFIX):
        return await _describe_api_token(auth, text)
    refresh_token = RefreshToken.parse(text)
    if refresh_token is not None:
        return await _describe_refresh_token(auth, refresh_token)
    return await _describe_access_token(auth, bearer, text)


async def _describe_access_token(auth: Auth, bearer: BearerTokens, text: str) -> Claims | None:
    try:
        claims = await bearer.claims_of(text)
    except Unauthenticated:
        return None
    user_id = UUID(claims["sub"])
    session = await auth.store.load(user_id, Session, UUID(claims["sid"]))
    if session is None or session.ended:
        return None
    return {**claims, "sub": user_id, "token_type": BEARER, "scope": USER_SCOPE}


async def _describe_refresh_token(auth: Auth, token: RefreshToken) -> Claims | None:
    session = await auth.store.load(token.user_id, Session, token.session_id)
    if session is None or not session.continues_with(token, auth.clock()):
        return None
    return {
        "sub": token.user_id,
        "sid": session.id,
        "token_type": REFRESH,
        "iat": int(session.modified_on.timestamp()),
        "exp": int(session.expires_on.timestamp()),
    }


async def _describe_api_token(auth: Auth, text: str) -> Claims | None:
    secret, token = ApiSecret.parse(text), await find_token(auth.store, text, auth.clock())
    if secret is None or token is None:
        return None
    limits = {} if token.books is None else {"books": token.books}
    return {
        "sub": secret.user_id,
        "jti": token.id,
        "token_type": BEARER,
        "scope": " ".join(token.scopes),
        "iat": int(token.created_on.timestamp()),
        "exp": int(token.expires_at.timestamp()),
        **limits,
    }
