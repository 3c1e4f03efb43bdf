"""Why a sign-up, a sign-in or a token is refused; each docstring is the message that users read."""

from dataclasses import dataclass
from uuid import UUID

from eventstore.errors import Explained


class AuthError(Explained):
    """Identity cannot be established."""


class EmailTaken(AuthError):
    """There is already an account with this e-mail address."""


class UserNotFound(AuthError):
    """There is no such user, or the account was erased."""


class InvalidCredentials(AuthError):
    """The e-mail address, the password or the code is wrong."""


class Unauthenticated(AuthError):
    """Sign in first: this needs a valid access token."""


class UnknownKey(Unauthenticated):
    """The token may be signed by a key that this process has not heard of yet."""


@dataclass(eq=False)
class InsufficientScope(AuthError):
    """This API token is not for that: its scopes or books do not reach so far, and the account takes a sign-in."""

    scope: str | None = None

    @property
    def challenge(self) -> str:
        """What WWW-Authenticate says (RFC 6750, 3.1)."""
        scope = f', scope="{self.scope}"' if self.scope else ""
        return f'Bearer error="insufficient_scope"{scope}'


class InvalidRefreshToken(AuthError):
    """The refresh token is not valid, or no longer: sign in again."""


@dataclass(eq=False)
class RefreshTokenReused(InvalidRefreshToken):
    """The refresh token was used before, so its session was ended: sign in again."""

    user_id: UUID


@dataclass(eq=False)
class WeakPassword(AuthError):
    """{message}"""

    message: str
    field: str = "password"


@dataclass(eq=False)
class IdempotencyKeyReused(AuthError):
    """This key came with another request before: take a new key for a new request, the same body for a retry."""

    field: str = "Idempotency-Key"


class TooManySignIns(AuthError):
    """Too many others are signing in, or changing this, at the same moment: try again."""


class OtpRequired(AuthError):
    """A second factor is needed too: a code of the authenticator app, a recovery code or a passkey."""


class TotpEnabled(AuthError):
    """An authenticator app is set up already: remove it before you set up another."""


class TotpNotEnrolled(AuthError):
    """There is no authenticator app to confirm: begin to set one up."""


class TotpNotEnabled(AuthError):
    """No authenticator app is set up."""


class InvalidPasskey(AuthError):
    """This answer of a passkey is not valid, or no longer: ask for new options and try again."""


class PasskeyNotFound(AuthError):
    """There is no such passkey."""


@dataclass(eq=False)
class TooManyPasskeys(AuthError):
    """An account has at most {passkeys_max} passkeys: remove one first."""

    passkeys_max: int


@dataclass(eq=False)
class UnusablePasskey(AuthError):
    """{message}"""

    message: str
    field: str = "credential"


@dataclass(eq=False)
class TooManyAttempts(AuthError):
    """There were too many attempts: try again in {retry_after_seconds} seconds."""

    retry_after_seconds: int


class WrongPassword(AuthError):
    """The password or the code is wrong; you stay signed in."""


class SessionNotFound(AuthError):
    """You have no such session, or it has ended."""


class LinkInvalid(AuthError):
    """This link was used, replaced by another or has expired: ask for a new one."""


class EmailVerifiedBefore(AuthError):
    """Your e-mail address is verified: there is nothing to do."""


@dataclass(eq=False)
class TooManyMessages(AuthError):
    """Several such messages were sent to you lately: look for them, or try again later."""

    retry_after_seconds: int


@dataclass(eq=False)
class UserChanged(AuthError):
    """Your account is no longer what your If-Match names: read it again."""

    version: int
    etag: str | None = None


class Undelivered(AuthError):
    """The message could not be handed over; it is tried again."""


class Undeliverable(AuthError):
    """The other side will never take this message."""


class ApiTokenNotFound(AuthError):
    """You have no such API token, or it was revoked."""


@dataclass(eq=False)
class TooManyApiTokens(AuthError):
    """You have {tokens_max} API tokens, and that is as many as there may be: revoke one first."""

    tokens_max: int


@dataclass(eq=False)
class ClientExists(AuthError):
    """There is a service named {name}."""

    name: str


@dataclass(eq=False)
class ClientNotFound(AuthError):
    """There is no service with the name or id {name}."""

    name: str
