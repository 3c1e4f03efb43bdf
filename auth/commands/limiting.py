"""Letting somebody try what could be guessed, a password or a code: who fails often has to wait."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar
from uuid import UUID

import structlog

from auth.commands.deciding import Auth, find_user, retrying
from auth.errors import AuthError, InvalidCredentials, InvalidPasskey, WrongPassword
from auth.throttle import SIGN_IN, Attempt
from auth.user import User, claim_id

Result = TypeVar("Result")

_log = structlog.get_logger("security")


@asynccontextmanager
async def limited(auth: Auth, account: UUID, ip: str, *, proves_all: bool = True) -> AsyncIterator[None]:
    """Let one attempt on an account through: it is passed at the end alone, when nothing is left to be proved.

    It counts as failed where what was shown is wrong, and for nothing where it could not be judged, or a factor more
    is asked for or, unless it `proves_all`, could be: who knows the password could try one code after another.
    Raises: TooManyAttempts, TooManySignIns.
    """
    auth.passwords.require_room()
    admitted = await auth.throttle.admit(Attempt(SIGN_IN, account, ip))
    try:
        yield
    except (InvalidCredentials, InvalidPasskey, WrongPassword):
        raise
    except AuthError:
        await auth.throttle.withdraw(admitted)
        raise
    if proves_all:
        await auth.throttle.passed(admitted)
    else:
        await auth.throttle.withdraw(admitted)


async def retrying_limited(auth: Auth, user_id: UUID, ip: str, attempt: Callable[[], Awaitable[Result]]) -> Result:
    """Decide on what somebody who is signed in proves again: guesses count together with those at sign-in.

    Raises: Unauthenticated, TooManyAttempts, TooManySignIns.
    """
    user = await find_user(auth, user_id)
    try:
        async with limited(auth, claim_id(auth.pepper, user.email), ip):
            return await retrying(attempt)
    except (InvalidCredentials, InvalidPasskey):
        _log.warning("proof refused", user_id=user_id, address=ip)
        raise


async def require_password(auth: Auth, user: User, password: str, ip: str) -> None:
    """Ask somebody who is signed in for the password alone. Raises: WrongPassword, TooManyAttempts, TooManySignIns."""
    async with limited(auth, claim_id(auth.pepper, user.email), ip, proves_all=False):
        if not await auth.passwords.verify(user.password_hash, password):
            _log.warning("proof refused", user_id=user.id, address=ip)
            raise WrongPassword
