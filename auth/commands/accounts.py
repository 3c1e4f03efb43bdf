"""Commands on the account itself."""

from datetime import date
from uuid import UUID

from auth.commands.deciding import Auth
from auth.errors import EmailTaken, IdempotencyKeyReused
from auth.throttle import SIGN_UP, Attempt
from auth.user import EmailClaim, User, claim_id, fold_email
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
    email: str,
    password: str,
    name: str | None,
    birth_date: date | None,
    phone_number: str | None,
    ip: str,
) -> tuple[User, bool]:
    """Record the user and claim the e-mail address, both or neither.

    Returns: the user as signed up, and whether this is a retry's answer.
    Raises:  WeakPassword, TooManyAttempts, EmailTaken, IdempotencyKeyReused, TooManySignIns.
    """
    # A weak password does not count as an attempt: its refusal tells nothing of who has an account.
    await auth.passwords.require_strong(password, email, name or "")
    account = claim_id(auth.pepper, email)
    await auth.throttle.admit(Attempt(SIGN_UP, account, ip))
    user = User(
        id=user_id,
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
        return await _signed_up_before(auth, user, password), True
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
