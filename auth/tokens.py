"""Access tokens: EdDSA JWTs for a quarter of an hour (RFC 9068, RFC 8725)."""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import jwt
import orjson
from cachetools import LRUCache
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from auth.errors import Unauthenticated, UnknownKey

LIFETIME: Final = timedelta(minutes=15)
TOKEN_LENGTH_MAX: Final = 2048
REMEMBERED_MAX: Final = 50_000
"""How many verified tokens are remembered, at somewhat over 1 kB each."""

_ALGORITHM: Final = "EdDSA"
_TYPE: Final = "at+jwt"
_KID: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""A thumbprint: what is none of these, no key of ours was ever called."""
# PyJWT reads the time by itself; we go by our own clock, without leeway. `iat` is not judged at all: we are
# both issuer and audience, and a worker whose clock is ahead must not make tokens that its neighbours refuse.
_OPTIONS: Final[Any] = {
    "require": ["iss", "aud", "sub", "sid", "jti", "iat", "exp"],
    "verify_exp": False,
    "verify_iat": False,
    "strict_aud": True,
}


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token may be used for, where that is not all that its user may do; books: None for all of them."""

    scopes: frozenset[str]
    books: frozenset[UUID] | None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a verified token speaks for, until when (exclusive).

    `session_id` is what the denylist would name: for an API token, which has no session, the token itself.
    """

    user_id: UUID
    session_id: UUID
    token_id: UUID
    expires_at: datetime
    grant: Grant | None = None


class TokenKey:
    """A key pair of ours; it verifies until a time (exclusive), without one for as long as it is there."""

    def __init__(self, seed: bytes, verifies_until: datetime | None = None) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self.private.public_key()
        self.jwk = _public_jwk(self.public.public_bytes_raw())
        self.header = {"alg": _ALGORITHM, "typ": _TYPE, "kid": self.jwk["kid"]}
        self.verifies_until = verifies_until

    @property
    def kid(self) -> str:
        return self.jwk["kid"]

    def verifies_at(self, time: datetime) -> bool:
        return self.verifies_until is None or time < self.verifies_until


class AccessTokens:
    """Issues access tokens and verifies them; what was verified is remembered until it expires."""

    def __init__(
        self,
        keys: Sequence[TokenKey],
        issuer: str,
        audience: str,
        new_id: Callable[[], UUID],
        clock: Callable[[], datetime],
    ) -> None:
        self._keys: dict[str, TokenKey] = {}
        self.issuer = issuer
        self.audience = audience
        self._new_id = new_id
        self._clock = clock
        self._verified: LRUCache[str, Principal] = LRUCache(REMEMBERED_MAX)
        self.use(keys)

    def use(self, keys: Sequence[TokenKey]) -> None:
        """Verify with these keys from now on, and sign with the last of them."""
        known, self._keys = self._keys, {key.kid: key for key in keys}
        self._signing_key = keys[-1]
        if not known.keys() <= self._keys.keys():  # what a key that is gone has signed must not be remembered
            self._verified.clear()

    def issue(self, user_id: UUID, session_id: UUID, amr: Sequence[str]) -> str:
        """Make a token for LIFETIME from now; `amr` tells how the user was authenticated (RFC 8176)."""
        issued_at = int(self._clock().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": str(user_id),
            "sid": str(session_id),
            "amr": amr,
            "jti": str(self._new_id()),
            "iat": issued_at,
            "exp": issued_at + int(LIFETIME.total_seconds()),
        }
        key = self._signing_key
        return jwt.encode(claims, key.private, _ALGORITHM, key.header)

    def verify(self, token: str) -> Principal:
        """Tell whom a token speaks for. Raises: Unauthenticated; UnknownKey where a newer key may have signed it."""
        principal = self._verified.get(token)
        if principal is None:
            principal = self._verified[token] = _principal(self._claims_of(token))
        if self._clock() >= principal.expires_at:
            del self._verified[token]
            raise Unauthenticated
        return principal

    def claims_of(self, token: str) -> dict[str, Any]:
        """The claims of a token that verifies. Raises: as verify."""
        self.verify(token)
        return self._claims_of(token)

    def jwks(self) -> dict[str, Any]:
        """The public keys that verify now, as a JWK set (RFC 7517)."""
        now = self._clock()
        return {"keys": [key.jwk for key in self._keys.values() if key.verifies_at(now)]}

    def _claims_of(self, token: str) -> dict[str, Any]:
        if len(token) > TOKEN_LENGTH_MAX:
            raise Unauthenticated
        try:
            _require_unique_names(token)
            key = self._key_for(jwt.get_unverified_header(token))
            claims: dict[str, Any] = jwt.decode(
                token, key.public, [_ALGORITHM], _OPTIONS, issuer=self.issuer, audience=self.audience
            )
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            raise Unauthenticated from None
        return claims

    def _key_for(self, header: dict[str, Any]) -> TokenKey:
        """Choose among our own keys; a header that says anything else than ours do is refused as a whole.

        Raises: Unauthenticated, UnknownKey.
        """
        kid = header.get("kid")
        if not isinstance(kid, str) or header != {"alg": _ALGORITHM, "typ": _TYPE, "kid": kid}:
            raise Unauthenticated
        key = self._keys.get(kid)
        if key is None:
            raise UnknownKey if _KID.fullmatch(kid) else Unauthenticated
        if not key.verifies_at(self._clock()):
            raise Unauthenticated
        return key


def _require_unique_names(token: str) -> None:
    """Raises: ValueError where header or claims name anything twice: others might read the other one (RFC 7519, 4)."""
    for part in token.split(".")[:2]:
        json.loads(base64url_to_bytes(part), object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name comes twice")
    return made


def _principal(claims: dict[str, Any]) -> Principal:
    """Raises: Unauthenticated where a claim is not of its kind."""
    try:
        expires_at = datetime.fromtimestamp(claims["exp"], UTC)
        return Principal(UUID(claims["sub"]), UUID(claims["sid"]), UUID(claims["jti"]), expires_at)
    except (ValueError, TypeError, AttributeError, OverflowError, OSError):
        raise Unauthenticated from None


def _public_jwk(public_key: bytes) -> dict[str, str]:
    """Describe an Ed25519 key (RFC 8037); its id is its thumbprint (RFC 7638)."""
    key = {"crv": "Ed25519", "kty": "OKP", "x": bytes_to_base64url(public_key)}
    thumbprint = hashlib.sha256(orjson.dumps(key, option=orjson.OPT_SORT_KEYS)).digest()
    return {**key, "use": "sig", "alg": _ALGORITHM, "kid": bytes_to_base64url(thumbprint)}
