"""Commands on the e-mail address: verify it, change it."""

from collections.abc import Sequence
from uuid import UUID

from auth.commands.deciding import Auth, decide_on_user, log_events, retrying, topics_of
from auth.commands.limiting import retrying_limited
from auth.commands.messages import (
    find_linked_user,
    link_message,
    next_link_id,
    notices,
    parse_link,
    posted_before,
    use_link,
)
from auth.commands.proving import reauthenticate, record
from auth.errors import EmailTaken, EmailVerifiedBefore, LinkInvalid
from auth.message import CONFIRM_EMAIL, EMAIL_CHANGE_ASKED, EMAIL_CHANGED, LINK_LIFETIMES, VERIFY_EMAIL
from auth.user import EmailClaim, User, claim_id
from eventstore.aggregate import Aggregate
from eventstore.codec import Metadata
from eventstore.store import Change


async def claim_email(auth: Auth, email: str, user_id: UUID) -> EmailClaim:
    """Claim an address, to be recorded; it may be the user's already. Raises: EmailTaken."""
    journal_id = claim_id(auth.pepper, email)
    claim = await auth.store.load(journal_id, EmailClaim, journal_id)
    if claim is None:
        return EmailClaim(id=journal_id, user_id=user_id)
    if claim.user_id is None:
        claim.reclaim(user_id)
    if claim.user_id != user_id:
        raise EmailTaken
    return claim


async def send_verification(auth: Auth, metadata: Metadata, user_id: UUID, language: str) -> bool:
    """Post another link that verifies the address. Returns: whether the same operation did so before.

    Raises: EmailVerifiedBefore, TooManyMessages, TooManySignIns.
    """
    replayed = False

    async def decide(user: User) -> Sequence[Aggregate]:
        nonlocal replayed
        replayed = await posted_before(auth, metadata, user_id, VERIFY_EMAIL)
        if replayed:
            return []
        if user.email_verified:
            raise EmailVerifiedBefore
        message_id = await next_link_id(auth, user_id, VERIFY_EMAIL)
        return [link_message(auth, user, message_id, VERIFY_EMAIL, language)]

    await decide_on_user(auth, metadata, user_id, decide)
    return replayed


async def verify_email(auth: Auth, request_id: str, text: str) -> None:
    """Raises: LinkInvalid, TooManySignIns."""
    token = parse_link(auth, text)
    await find_linked_user(auth, token)

    async def decide(user: User) -> Sequence[Aggregate]:
        message = await use_link(auth, token, user, VERIFY_EMAIL)
        user.verify_email()
        return [user, message]

    await decide_on_user(auth, Metadata(token.journal_id, request_id), token.journal_id, decide)


async def ask_email_change(
    auth: Auth, metadata: Metadata, user_id: UUID, language: str, ip: str, email: str, password: str, otp: str | None
) -> None:
    """Post a link to the new address, and a notice to the old one. Only the last address asked for can be confirmed.

    Raises: WrongPassword, OtpRequired, TooManyAttempts, EmailTaken, TooManyMessages, TooManySignIns.
    """

    async def attempt() -> None:
        user, proof = await reauthenticate(auth, metadata, user_id, password, otp)
        await claim_email(auth, email, user_id)  # not recorded yet: an address is claimed by who reads its mail
        message_id = await next_link_id(auth, user_id, CONFIRM_EMAIL)
        told = notices(auth, user, EMAIL_CHANGE_ASKED, language)
        user.ask_email_change(email, auth.clock() + LINK_LIFETIMES[CONFIRM_EMAIL])
        link = link_message(auth, user, message_id, CONFIRM_EMAIL, language, to=email)
        await record(auth, metadata, user_id, proof, user, link, *told)

    await retrying_limited(auth, user_id, ip, attempt)


async def confirm_email(auth: Auth, request_id: str, text: str, language: str) -> None:
    """Take the new address and give the old one up, at once. Raises: LinkInvalid, EmailTaken, TooManySignIns."""
    token = parse_link(auth, text)
    user_id = token.journal_id

    async def attempt() -> None:
        user = await find_linked_user(auth, token)
        message = await use_link(auth, token, user, CONFIRM_EMAIL)
        if user.pending_email is None or user.pending_email.email != message.to:
            raise LinkInvalid
        claims = await _moved_claims(auth, user, message.to)
        told = notices(auth, user, EMAIL_CHANGED, language)
        user.change_email(message.to)
        changes = [Change(user_id, changed) for changed in (user, message, *told)]
        topics = topics_of(change.aggregate for change in changes)
        await auth.store.append(Metadata(user_id, request_id), [*claims, *changes])
        log_events(topics, user_id, request_id)

    await retrying(attempt)


async def _moved_claims(auth: Auth, user: User, email: str) -> list[Change]:
    """Claim the new address, release the old one; neither where they differ in letter case alone."""
    new, old = await claim_email(auth, email, user.id), await claim_email(auth, user.email, user.id)
    if new.id == old.id:
        return []
    old.release()
    return [Change(new.id, new), Change(old.id, old)]
