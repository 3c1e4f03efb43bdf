"""Commands on the account itself."""

from datetime import date

from auth.commands.deciding import Auth
from auth.errors import EmailTaken
from auth.throttle import SIGN_UP, Attempt
from auth.user import EmailClaim, User, claim_id
from eventstore.codec import Metadata
from eventstore.errors import Conflict
from eventstore.store import Change


async def sign_up(
    auth: Auth,
    request_id: str,
    email: str,
    password: str,
    name: str | None,
    birth_date: date | None,
    phone_number: str | None,
    ip: str,
) -> User:
    """Record the user and claim the e-mail address, both or neither.

    Raises: WeakPassword, TooManyAttempts, EmailTaken, TooManySignIns.
    """
    # A weak password does not count as an attempt: its refusal tells nothing of who has an account.
    await auth.passwords.require_strong(password, email, name or "")
    account = claim_id(auth.pepper, email)
    await auth.throttle.admit(Attempt(SIGN_UP, account, ip))
    user = User(
        id=auth.new_id(),
        email=email,
        name=name,
        birth_date=birth_date,
        phone_number=phone_number,
        password_hash=await auth.passwords.hash(password),
    )
    claim = EmailClaim(id=account, user_id=user.id)
    try:
        await auth.store.append(Metadata(user.id, request_id), [Change(claim.id, claim), Change(user.id, user)])
    except Conflict:
        raise EmailTaken from None
    return user
