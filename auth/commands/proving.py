"""How somebody proves who it is, beyond the password: the one step that sign-in and changes of factors share."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from auth.commands.deciding import Auth, find_user, record_changed
from auth.errors import InvalidCredentials, InvalidPasskey, OtpRequired
from auth.passkeys import Passkeys, passkeys_id
from auth.totp import Totp, totp_id
from auth.user import User
from eventstore.aggregate import Aggregate
from eventstore.codec import Metadata, PlainEvent
from eventstore.errors import Conflict
from eventstore.store import Guard

PASSWORD: Final = "pwd"  # noqa: S105 - a word of RFC 8176
ONE_TIME_CODE: Final = "otp"
SEVERAL_FACTORS: Final = "mfa"


@dataclass(frozen=True)
class Proof:
    """What was shown, in the words of RFC 8176, and what is to be recorded together with what it allows.

    `once`: streams whose conflict means that the same was shown before.
    """

    amr: list[str]
    aggregates: list[Aggregate] = field(default_factory=list)
    guards: list[Guard] = field(default_factory=list)
    once: frozenset[UUID] = frozenset()


async def prove_factor(
    auth: Auth, metadata: Metadata, user_id: UUID, otp: str | None, passkey: dict[str, Any] | None = None
) -> Proof:
    """Check the second factor of who has shown the password; only who has an authenticator app must show one.

    Raises: OtpRequired, InvalidCredentials, InvalidPasskey, Conflict.
    """
    if passkey is not None:
        proof = await prove_passkey(auth, metadata, user_id, passkey, user_verified=False)
        return Proof([PASSWORD, proof.amr[0], SEVERAL_FACTORS], proof.aggregates)
    totp = await auth.store.load(user_id, Totp, totp_id(user_id))
    unchanged = Guard(user_id, totp_id(user_id), totp.version if totp else 0)
    if totp is None or not totp.enabled:
        return Proof([PASSWORD], guards=[unchanged])
    if otp is None:
        raise OtpRequired
    amr = [PASSWORD, ONE_TIME_CODE, SEVERAL_FACTORS]
    step = totp.use(otp, auth.clock())
    if step is None:
        return Proof(amr, [totp])
    later = totp.later_steps(step)  # an earlier code is refused once a later one was used
    unused = [Guard(user_id, step_id, 0) for step_id in later]
    return Proof(amr, [totp, step], [unchanged, *unused], frozenset([step.id, *later]))


async def prove_passkey(
    auth: Auth, metadata: Metadata, user_id: UUID, credential: dict[str, Any], *, user_verified: bool
) -> Proof:
    """Check an answer of one of the user's passkeys; where a copy of it seems to be about, that is recorded.

    `user_verified`: whether the authenticator must have verified who holds it. Raises: InvalidPasskey, Conflict.
    """
    assertion = auth.ceremonies.read_assertion(credential)
    passkeys = await auth.store.load(user_id, Passkeys, passkeys_id(user_id))
    if passkeys is None or assertion.user_id not in {None, user_id}:
        raise InvalidPasskey
    passkey = passkeys.find(assertion.passkey_id)
    asserted = auth.ceremonies.verify(assertion, passkey.public_key)
    if user_verified and not asserted.user_verified:
        raise InvalidPasskey
    amr = [passkey.amr, SEVERAL_FACTORS] if asserted.user_verified else [passkey.amr]
    proof = Proof(amr, [passkeys])
    if not passkeys.use(passkey.id, asserted.sign_count, assertion.challenge_hash):
        await record(auth, metadata, user_id, proof)
        raise InvalidPasskey
    return proof


async def reauthenticate(
    auth: Auth, metadata: Metadata, user_id: UUID, password: str, otp: str | None
) -> tuple[User, Proof]:
    """Ask somebody who is signed in to prove it again, before what signs in is changed (ASVS 7.5.1).

    Raises: Unauthenticated, InvalidCredentials, OtpRequired, Conflict.
    """
    user = await find_user(auth, user_id)
    if not await auth.passwords.verify(user.password_hash, password):
        raise InvalidCredentials
    proof = await prove_factor(auth, metadata, user_id, otp)
    proof.guards.append(Guard(user_id, user_id, user.version))
    return user, proof


async def record(
    auth: Auth, metadata: Metadata, user_id: UUID, proof: Proof, *allowed: Aggregate, more: Sequence[PlainEvent] = ()
) -> None:
    """Append what was proved and what it allows, if anything. `more` are events to be recorded with it.

    Raises: Conflict; InvalidCredentials where the same was shown at the same moment.
    """
    try:
        await record_changed(auth.store, metadata, user_id, (*proof.aggregates, *allowed), more, proof.guards)
    except Conflict as conflict:
        if conflict.stream_id in proof.once:
            raise InvalidCredentials from None
        raise
