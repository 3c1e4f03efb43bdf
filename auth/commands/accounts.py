"""Commands on the account itself."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from auth.commands.deciding import Auth, decide_on_user
from auth.commands.emails import claim_email
from auth.commands.messages import link_id, link_message, notices
from auth.errors import EmailTaken
from auth.message import PHONE_NUMBER_CHANGED, VERIFY_EMAIL
from auth.user import User
from eventstore.aggregate import Aggregate
from eventstore.codec import Metadata
from eventstore.errors import Conflict
from eventstore.store import Change


async def sign_up(
    auth: Auth,
    request_id: str,
    language: str,
    email: str,
    password: str,
    name: str | None,
    birth_date: date | None,
    phone_number: str | None,
) -> User:
    """Record the user, claim the e-mail address and post a link that verifies it: all or nothing.

    Raises: WeakPassword, EmailTaken, TooManySignIns.
    """
    await auth.passwords.require_strong(password, email, name or "")
    user = User(
        id=auth.new_id(),
        email=email,
        name=name,
        birth_date=birth_date,
        phone_number=phone_number,
        password_hash=await auth.passwords.hash(password),
    )
    claim = await claim_email(auth, email, user.id)
    link = link_message(auth, user, link_id(auth, user.id, VERIFY_EMAIL), VERIFY_EMAIL, language)
    changes = [Change(claim.id, claim), Change(user.id, user), Change(user.id, link)]
    try:
        await auth.store.append(Metadata(user.id, request_id), changes)
    except Conflict:
        raise EmailTaken from None
    return user


async def amend_profile(
    auth: Auth,
    metadata: Metadata,
    user_id: UUID,
    language: str,
    changes: Mapping[str, Any],
    check: Callable[[User], None],
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
