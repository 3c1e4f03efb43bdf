"""Access tokens: EdDSA JWTs for a quarter of an hour (RFC 9068, RFC 8725)."""

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import jwt
import orjson
from cachetools import LRUCache
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auth.errors import Unauthenticated

LIFETIME: Final = timedelta(minutes=15)
TOKEN_LENGTH_MAX: Final = 2048
REMEMBERED_MAX: Final = 50_000
"""How many verified tokens are remembered, at somewhat over 1 kB each."""

_ALGORITHM: Final = "EdDSA"
_TYPE: Final = "at+jwt"
# PyJWT reads the time by itself; we go by our own clock, without leeway. `iat` is not judged at all: we are
# both issuer and audience, and a worker whose clock is ahead must not make tokens that its neighbours refuse.
_OPTIONS: Final[Any] = {
    "require": ["iss", "aud", "sub", "sid", "jti", "iat", "exp"],
    "verify_exp": False,
    "verify_iat": False,
    "strict_aud": True,
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a verified access token speaks for, until when (exclusive)."""

    user_id: UUID
    session_id: UUID
    token_id: UUID
    expires_at: datetime


class AccessTokens:
    """Issues access tokens and verifies them; what was verified is remembered until it expires."""

    def __init__(
        self,
        signing_seed: bytes,
        issuer: str,
        audience: str,
        new_id: Callable[[], UUID],
        clock: Callable[[], datetime],
    ) -> None:
        self._signing_key = Ed25519PrivateKey.from_private_bytes(signing_seed)
        self._public_key = self._signing_key.public_key()
        self._public_jwk = _public_jwk(self._public_key.public_bytes_raw())
        self._header = {"typ": _TYPE, "kid": self._public_jwk["kid"]}
        self._issuer = issuer
        self._audience = audience
        self._new_id = new_id
        self._clock = clock
        self._verified: LRUCache[str, Principal] = LRUCache(REMEMBERED_MAX)

    def issue(self, user_id: UUID, session_id: UUID, amr: Sequence[str]) -> str:
        """Make a token for LIFETIME from now; `amr` tells how the user was authenticated (RFC 8176)."""
        issued_at = int(self._clock().timestamp())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(user_id),
            "sid": str(session_id),
            "amr": amr,
            "jti": str(self._new_id()),
            "iat": issued_at,
            "exp": issued_at + int(LIFETIME.total_seconds()),
        }
        return jwt.encode(claims, self._signing_key, _ALGORITHM, self._header)

    def verify(self, token: str) -> Principal:
        """Tell whom a token speaks for. Raises: Unauthenticated."""
        principal = self._verified.get(token)
        if principal is None:
            principal = self._verified[token] = self._principal_of(token)
        if self._clock() >= principal.expires_at:
            del self._verified[token]
            raise Unauthenticated
        return principal

    def jwks(self) -> dict[str, Any]:
        """The public key, as a JWK set (RFC 7517)."""
        return {"keys": [self._public_jwk]}

    def _principal_of(self, token: str) -> Principal:
        if len(token) > TOKEN_LENGTH_MAX:
            raise Unauthenticated
        try:
            decoded = jwt.decode_complete(
                token, self._public_key, [_ALGORITHM], _OPTIONS, issuer=self._issuer, audience=self._audience
            )
            if decoded["header"] != {"alg": _ALGORITHM, **self._header}:
                raise Unauthenticated
            return _principal(decoded["payload"])
        except (jwt.InvalidTokenError, ValueError):
            raise Unauthenticated from None


def _principal(claims: dict[str, Any]) -> Principal:
    expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    return Principal(UUID(claims["sub"]), UUID(claims["sid"]), UUID(claims["jti"]), expires_at)


def _public_jwk(public_key: bytes) -> dict[str, str]:
    """Describe an Ed25519 key (RFC 8037); its id is its thumbprint (RFC 7638)."""
    key = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(public_key)}
    thumbprint = hashlib.sha256(orjson.dumps(key, option=orjson.OPT_SORT_KEYS)).digest()
    return {**key, "use": "sig", "alg": _ALGORITHM, "kid": _base64url(thumbprint)}


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
