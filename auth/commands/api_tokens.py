"""Commands on API tokens, and how they are verified."""

import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from cachetools import LRUCache

from auth.api_token import LIVE_MAX, REVOKED_BY_OWNER, ApiSecret, ApiToken, with_implied
from auth.commands.deciding import Auth, retrying
from auth.errors import ApiTokenNotFound, IdempotencyKeyReused, TooManyApiTokens, Unauthenticated
from auth.tokens import LIFETIME, Grant, Principal
from eventstore.codec import Metadata
from eventstore.errors import Conflict
from eventstore.store import Change, EventStore, replay

REMEMBERED_MAX: Final = 10_000
REQUEST_ID: Final = "api-token-use"

_log = structlog.get_logger("security")


@dataclass(frozen=True)
class Issued:
    """A new API token with its secret, which is shown once; `replayed` where this is a retry's answer."""

    token: ApiToken
    text: str = field(repr=False)
    replayed: bool = False


async def issue_token(
    auth: Auth,
    metadata: Metadata,
    user_id: UUID,
    count_live: Callable[[UUID], Awaitable[int]],
    name: str,
    scopes: list[str],
    books: list[UUID] | None,
    lifetime: timedelta,
) -> Issued:
    """Make a token of the user's. Raises: TooManyApiTokens, IdempotencyKeyReused.

    The number is counted before, without a lock: who asks for many at once may get a few more.
    """
    secret = _secret_for(auth, metadata, user_id)
    earlier = await _issued_before(auth, metadata, secret)
    if earlier is not None:
        return earlier
    if await count_live(user_id) >= LIVE_MAX:
        raise TooManyApiTokens(LIVE_MAX)
    expires_at = auth.clock() + lifetime
    token = ApiToken(secret.token_id, name, secret.digest, with_implied(scopes), books, expires_at)
    try:
        await auth.store.append(metadata, [Change(user_id, token)])
    except Conflict:  # its twin was faster
        earlier = await _issued_before(auth, metadata, secret)
        if earlier is None:
            raise IdempotencyKeyReused from None
        return earlier
    _log.info("API token issued", user_id=user_id, token_id=token.id, request_id=metadata.request_id)
    return Issued(token, secret.text)


async def revoke_token(
    auth: Auth, metadata: Metadata, user_id: UUID, token_id: UUID, reason: str = REVOKED_BY_OWNER
) -> None:
    """Raises: ApiTokenNotFound, TooManySignIns."""

    async def attempt() -> None:
        token = await auth.store.load(user_id, ApiToken, token_id)
        if token is None or token.revoked:
            raise ApiTokenNotFound
        token.revoke(reason)
        await auth.store.append(metadata, [Change(user_id, token)])

    await retrying(attempt)
    _log.info("API token revoked", user_id=user_id, token_id=token_id, request_id=metadata.request_id)


def _secret_for(auth: Auth, metadata: Metadata, user_id: UUID) -> ApiSecret:
    """A new secret; for an operation the one that it had before, so that a lost answer can be given once more."""
    if metadata.operation is None:
        return ApiSecret(user_id, auth.new_id(), secrets.token_bytes(ApiSecret.SECRET_BYTES))
    derived = hmac.digest(auth.rotation_key, b"API token " + metadata.operation.bytes, "sha256")
    return ApiSecret(user_id, metadata.operation, derived)


async def _issued_before(auth: Auth, metadata: Metadata, secret: ApiSecret) -> Issued | None:
    """What the same operation made, as it was then. Raises: IdempotencyKeyReused."""
    if metadata.operation is None:
        return None
    events = await auth.store.load_events(secret.user_id, secret.token_id)
    if not events:
        return None
    token = replay(ApiToken, events[:1])
    if token is None or events[0].fingerprint != metadata.fingerprint:
        raise IdempotencyKeyReused
    return Issued(token, secret.text, replayed=True)


async def find_token(store: EventStore, text: str, now: datetime) -> ApiToken | None:
    """Look for the token that a secret opens at this time."""
    secret = ApiSecret.parse(text)
    token = await store.load(secret.user_id, ApiToken, secret.token_id) if secret else None
    return token if token and secret and token.opens_for(secret, now) else None


class ApiTokens:
    """Verifies API tokens; each is looked up once, and then remembered for as long as an access token is good.

    So the denylist, which is asked for every request, need remember a revoked one no longer than an ended session.
    """

    def __init__(self, store: EventStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._verified: LRUCache[str, Principal] = LRUCache(REMEMBERED_MAX)

    def verify(self, text: str) -> Principal | Awaitable[Principal]:
        """Tell whom a token speaks for: at once where it is remembered, or else with an awaitable that asks the store.

        Raises: Unauthenticated, StoreUnavailable.
        """
        principal = self._verified.get(text)
        if principal is not None and self._clock() < principal.expires_at:
            return principal
        return self._look_up(text)

    async def _look_up(self, text: str) -> Principal:
        secret, now = ApiSecret.parse(text), self._clock()
        token = await find_token(self._store, text, now)
        if secret is None or token is None:
            raise Unauthenticated
        await self._note_use(secret.user_id, token, now)
        grant = Grant(frozenset(token.scopes), None if token.books is None else frozenset(token.books))
        until = min(token.expires_at, now + LIFETIME)
        principal = self._verified[text] = Principal(secret.user_id, token.id, token.id, until, grant)
        return principal

    async def _note_use(self, user_id: UUID, token: ApiToken, now: datetime) -> None:
        """Record the first use of a day."""
        token.note_use(now.astimezone(UTC).date())
        if not token.unrecorded_events():
            return
        try:
            await self._store.append(Metadata(user_id, REQUEST_ID), [Change(user_id, token)])
        except Conflict:  # another process noted it, or the token was revoked, which the denylist tells
            return
