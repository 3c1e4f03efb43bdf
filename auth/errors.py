"""Why a sign-up, a sign-in or a token is refused; each docstring is the message that users read."""

from dataclasses import dataclass
from uuid import UUID


class AuthError(Exception):
    """Identity cannot be established."""

    def __str__(self) -> str:
        return (self.__doc__ or "").format(**vars(self))


class EmailTaken(AuthError):
    """There is already an account with this e-mail address."""


@dataclass(eq=False)
class InvalidCredentials(AuthError):
    """The e-mail address or the password is wrong."""

    user_id: UUID | None = None  # for the audit alone: no answer tells whether there is one


class Unauthenticated(AuthError):
    """Sign in first: this needs a valid access token."""


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


class TooManySignIns(AuthError):
    """Too many are signing in at the same moment: try again."""


@dataclass(eq=False)
class TooManyAttempts(AuthError):
    """There were too many attempts: try again in {retry_after_seconds} seconds."""

    retry_after_seconds: int
