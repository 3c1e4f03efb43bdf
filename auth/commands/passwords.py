"""Commands on the password: change it, or get a new one where it was forgotten."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from auth.commands.deciding import Auth, UserCheck, decide_on_user, record_changed, retrying
from auth.commands.limiting import retrying_limited
from auth.commands.messages import find_linked_user, link_message, next_link_id, notices, parse_link, use_link
from auth.commands.proving import reauthenticate, record
from auth.commands.sessions import end_sessions, endings_of
from auth.errors import WeakPassword
from auth.message import MAIL, PASSWORD_CHANGED, PHONE, RESET_PASSWORD
from auth.session import PASSWORD_WAS_CHANGED
from auth.user import EmailClaim, User, claim_id
from eventstore.aggregate import Aggregate
from eventstore.codec import Metadata

PHONE_NUMBER_AGE_MIN: Final = timedelta(days=7)
"""A number from later than sign-up is no way to a new password before: a stolen session could have set it."""


async def forgot_password(auth: Auth, request_id: str, language: str, email: str, channel: str) -> None:
    """Post a link to a new password, where there is an account and it was not asked for too often.

    By phone where that is asked for and the number is old enough, otherwise by mail.
    """
    journal_id = claim_id(auth.pepper, email)
    claim = await auth.store.load(journal_id, EmailClaim, journal_id)
    if claim is None or claim.user_id is None:
        return
    user_id = claim.user_id

    async def decide(user: User) -> Sequence[Aggregate]:
        message_id = await next_link_id(auth, user_id, RESET_PASSWORD)
        by_phone = channel == PHONE and _is_trusted_phone(auth, user)
        way, to = (PHONE, user.phone_number) if by_phone else (MAIL, user.email)
        return [link_message(auth, user, message_id, RESET_PASSWORD, language, to=to, channel=way)]

    await decide_on_user(auth, Metadata(None, request_id), user_id, decide)


def _is_trusted_phone(auth: Auth, user: User) -> bool:
    since = user.phone_number_since
    old = since is None or auth.clock() - since >= PHONE_NUMBER_AGE_MIN
    return auth.can_text and user.phone_number is not None and old


async def reset_password(auth: Auth, request_id: str, language: str, token: str, new_password: str) -> UUID:
    """Set a new password by a link; every session ends. Returns: whose password it was.

    Raises: LinkInvalid, WeakPassword, TooManySignIns.
    """
    link = parse_link(auth, token)
    user_id = link.journal_id
    user = await find_linked_user(auth, link)
    await use_link(auth, link, user, RESET_PASSWORD)  # before the costly hash
    password_hash = await _hash_strong(auth, user, new_password)

    metadata = Metadata(user_id, request_id)

    async def attempt() -> None:
        user = await find_linked_user(auth, link)
        changed = [await use_link(auth, link, user, RESET_PASSWORD), *_changed(auth, user, password_hash, language)]
        endings = await endings_of(auth, user_id, None, PASSWORD_WAS_CHANGED)
        await record_changed(auth.store, metadata, user_id, changed, endings)

    await retrying(attempt)
    await end_sessions(auth, metadata, user_id, None, PASSWORD_WAS_CHANGED)  # one that had just begun
    return user_id


async def change_password(
    auth: Auth,
    metadata: Metadata,
    user_id: UUID,
    session_id: UUID,
    language: str,
    ip: str,
    check: UserCheck,
    current_password: str,
    new_password: str,
    otp: str | None,
) -> None:
    """Set another password; every session but this one ends.

    Raises: WrongPassword, OtpRequired, TooManyAttempts, WeakPassword, TooManySignIns.
    """

    async def attempt() -> None:
        user, proof = await reauthenticate(auth, metadata, user_id, current_password, otp)
        check(user)
        changed = _changed(auth, user, await _hash_strong(auth, user, new_password), language)
        endings = await endings_of(auth, user_id, session_id, PASSWORD_WAS_CHANGED)
        await record(auth, metadata, user_id, proof, *changed, more=endings)

    await retrying_limited(auth, user_id, ip, attempt)
    await end_sessions(auth, metadata, user_id, session_id, PASSWORD_WAS_CHANGED)  # one that had just begun


def _changed(auth: Auth, user: User, password_hash: str, language: str) -> Sequence[Aggregate]:
    user.change_password(password_hash)
    return [user, *notices(auth, user, PASSWORD_CHANGED, language)]


async def _hash_strong(auth: Auth, user: User, new_password: str) -> str:
    """Raises: WeakPassword, TooManySignIns."""
    try:
        await auth.passwords.require_strong(new_password, user.email, user.name or "")
    except WeakPassword as error:
        raise WeakPassword(error.message, "new_password") from None
    return await auth.passwords.hash(new_password)
