"""Commands on the account itself."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from auth.commands.deciding import Auth, UserCheck, decide_on_user, log_events, topics_of
from auth.commands.emails import claim_email
from auth.commands.messages import link_id, link_message, notices
from auth.errors import EmailTaken, IdempotencyKeyReused
from auth.message import PHONE_NUMBER_CHANGED, VERIFY_EMAIL
from auth.throttle import SIGN_UP, Attempt
from auth.user import User, claim_id, fold_email
from eventstore.aggregate import Aggregate
from eventstore.codec import Metadata
from eventstore.errors import Conflict
from eventstore.operations import operation_id
from eventstore.store import Change, replay


def user_id_for(auth: Auth, key: str | None, email: str) -> UUID:
    """The id of who signs up: with an Idempotency-Key it follows from that, so that a retry finds what it did before.

    Raises: ValueError where that is no key.
    """
    return auth.new_id() if key is None else operation_id(auth.pepper, key, "sign up", fold_email(email))


async def sign_up(
    auth: Auth,
    request_id: str,
    user_id: UUID,
    language: str,
    email: str,
    password: str,
    name: str | None,
    birth_date: date | None,
    phone_number: str | None,
    ip: str,
) -> tuple[User, bool]:
    """Record the user, claim the e-mail address and post a link that verifies it: all or nothing.

    Returns: the user as signed up, and whether this is a retry's answer.
    Raises:  WeakPassword, TooManyAttempts, EmailTaken, IdempotencyKeyReused, TooManySignIns.
    """
    # A weak password does not count as an attempt: its refusal tells nothing of who has an account.
    await auth.passwords.require_strong(password, email, name or "")
    await auth.throttle.admit(Attempt(SIGN_UP, claim_id(auth.pepper, email), ip))
    user = User(
        id=user_id,
        email=email,
        name=name,
        birth_date=birth_date,
        phone_number=phone_number,
        password_hash=await auth.passwords.hash(password),
    )
    claim = await claim_email(auth, email, user.id)
    link = link_message(auth, user, link_id(auth, user.id, VERIFY_EMAIL), VERIFY_EMAIL, language)
    changes = [Change(claim.id, claim), Change(user.id, user), Change(user.id, link)]
    topics = topics_of([user])
    try:
        await auth.store.append(Metadata(user.id, request_id), changes)
    except Conflict:
        return await _signed_up_before(auth, user, password), True
    log_events(topics, user.id, request_id)
    return user, False


async def _signed_up_before(auth: Auth, asked: User, password: str) -> User:
    """The user that the same request signed up, as of then; the password is compared by its hash, the rest as it is.

    Raises: EmailTaken where it was another's; IdempotencyKeyReused where it asked for something else.
    """
    user = replay(User, (await auth.store.load_events(asked.id, asked.id))[:1])
    if user is None:
        raise EmailTaken
    shown = ("email", "name", "birth_date", "phone_number")
    same = all(getattr(user, name) == getattr(asked, name) for name in shown)
    if not same or not await auth.passwords.verify(user.password_hash, password):
        raise IdempotencyKeyReused
    return user


async def amend_profile(
    auth: Auth,
    metadata: Metadata,
    user_id: UUID,
    language: str,
    changes: Mapping[str, Any],
    check: UserCheck,
) -> User:
    """Change what is named of the profile; `check` refuses a user that is not as the client thinks.

    Another phone number is told to the address: it is a way into the account. Raises: Unauthenticated, TooManySignIns.
    """

    async def decide(user: User) -> Sequence[Aggregate]:
        check(user)
        old_number = user.phone_number
        profile = {"name": user.name, "birth_date": user.birth_date, "phone_number": old_number}
        user.amend_profile(**{**profile, **changes}, now=auth.clock())
        told = notices(auth, user, PHONE_NUMBER_CHANGED, language) if user.phone_number != old_number else []
        return [user, *told]

    return await decide_on_user(auth, metadata, user_id, decide)
