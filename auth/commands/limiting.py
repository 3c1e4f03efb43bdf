"""Letting somebody try what could be guessed, a password or a code: who fails often has to wait."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar
from uuid import UUID

import structlog

from auth.commands.deciding import Auth, find_user, retrying
from auth.errors import InvalidCredentials, InvalidPasskey, WrongPassword
from auth.throttle import FORGOT_PASSWORD, SIGN_IN, Attempt
from auth.user import claim_id

Result = TypeVar("Result")

_log = structlog.get_logger("security")


@asynccontextmanager
async def limited(auth: Auth, account: UUID, ip: str) -> AsyncIterator[None]:
    """Let one attempt on an account through: it is passed at the end alone, when nothing is left to be proved.

    It counts as failed where what was shown is wrong, and for nothing where it could not be judged or a factor more
    is asked for: who knows the password could try one code after another.
    Raises: TooManyAttempts, TooManySignIns.
    """
    auth.passwords.require_room()
    admitted = await auth.throttle.admit(Attempt(SIGN_IN, account, ip))
    try:
        yield
    except (InvalidCredentials, InvalidPasskey):
        raise
    except Exception:
        await auth.throttle.withdraw(admitted)
        raise
    await auth.throttle.passed(admitted)


async def admit_forgotten(auth: Auth, email: str, ip: str) -> None:
    """Let somebody ask for a link to a new password, whether there is such an account or not.

    Raises: TooManyAttempts.
    """
    await auth.throttle.admit(Attempt(FORGOT_PASSWORD, claim_id(auth.pepper, email), ip))


async def retrying_limited(auth: Auth, user_id: UUID, ip: str, attempt: Callable[[], Awaitable[Result]]) -> Result:
    """Decide on what somebody who is signed in proves again: guesses count together with those at sign-in.

    Raises: Unauthenticated, WrongPassword, TooManyAttempts, TooManySignIns.
    """
    user = await find_user(auth, user_id)
    try:
        async with limited(auth, claim_id(auth.pepper, user.email), ip):
            return await retrying(attempt)
    except InvalidCredentials:
        _log.warning("proof refused", user_id=user_id, address=ip)
        raise WrongPassword from None  # not 401, by which clients know that they are signed in no more
