"""Commands on passkeys."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from auth.commands.deciding import Auth, find_user, retrying
from auth.commands.limiting import retrying_limited
from auth.commands.messages import notices
from auth.commands.proving import Proof, reauthenticate, record
from auth.errors import IdempotencyKeyReused, PasskeyNotFound, TooManyPasskeys
from auth.message import FACTORS_CHANGED
from auth.passkeys import PASSKEYS_MAX, Passkey, Passkeys, passkeys_id
from eventstore.codec import Metadata, RecordedEvent
from eventstore.store import replay


async def list_passkeys(auth: Auth, user_id: UUID) -> list[Passkey]:
    """The live ones, oldest first."""
    passkeys = await auth.store.load(user_id, Passkeys, passkeys_id(user_id))
    return list(passkeys.live.values()) if passkeys else []


async def begin_passkey(
    auth: Auth, metadata: Metadata, user_id: UUID, ip: str, password: str, otp: str | None
) -> dict[str, Any]:
    """Make the options for a new passkey, for who proves again who it is; their challenge is for this user alone.

    Raises: TooManyPasskeys, WrongPassword, OtpRequired, TooManyAttempts, TooManySignIns.
    """

    async def attempt() -> dict[str, Any]:
        user, proof = await reauthenticate(auth, metadata, user_id, password, otp)
        existing = await list_passkeys(auth, user_id)
        if len(existing) >= PASSKEYS_MAX:
            raise TooManyPasskeys(PASSKEYS_MAX)
        await record(auth, metadata, user_id, proof)
        return auth.ceremonies.registration_options(user_id, user.email, existing)

    return await retrying_limited(auth, user_id, ip, attempt)


async def register_passkey(
    auth: Auth, metadata: Metadata, user_id: UUID, language: str, name: str, credential: dict[str, Any]
) -> tuple[Passkey, bool]:
    """Returns: the passkey, and whether this is a retry's answer.

    Raises: UnusablePasskey, TooManyPasskeys, IdempotencyKeyReused, TooManySignIns.
    """

    async def attempt() -> tuple[Passkey, bool]:
        events = await auth.store.load_events(user_id, passkeys_id(user_id))
        earlier = _registered_before(events, metadata)
        if earlier is not None:
            return earlier, True
        attested = auth.ceremonies.verify_registration(user_id, credential)
        passkeys = replay(Passkeys, events) or Passkeys(id=passkeys_id(user_id))
        passkeys.register(
            attested.passkey_id,
            attested.credential_id,
            attested.public_key,
            name,
            attested.sign_count,
            synced=attested.synced,
        )
        told = notices(auth, await find_user(auth, user_id), FACTORS_CHANGED, language)
        await record(auth, metadata, user_id, Proof([]), passkeys, *told)
        passkey = passkeys.find(attested.passkey_id)
        passkey.created_at = passkeys.modified_on
        return passkey, False

    return await retrying(attempt)


def _registered_before(events: Sequence[RecordedEvent], metadata: Metadata) -> Passkey | None:
    """What the same operation registered, as it was then. Raises: IdempotencyKeyReused."""
    if metadata.operation is None:
        return None
    for version, recorded in enumerate(events, start=1):
        if recorded.operation == metadata.operation and isinstance(recorded.event, Passkeys.Registered):
            passkeys = replay(Passkeys, events[:version])
            if passkeys is None or recorded.fingerprint != metadata.fingerprint:
                raise IdempotencyKeyReused
            return passkeys.find(recorded.event.passkey_id)
    return None


async def remove_passkey(
    auth: Auth,
    metadata: Metadata,
    user_id: UUID,
    ip: str,
    language: str,
    passkey_id: UUID,
    password: str,
    otp: str | None,
) -> None:
    """Raises: PasskeyNotFound, WrongPassword, OtpRequired, TooManyAttempts, TooManySignIns."""

    async def attempt() -> None:
        passkeys = await auth.store.load(user_id, Passkeys, passkeys_id(user_id))
        if passkeys is None:
            raise PasskeyNotFound
        passkeys.remove(passkey_id)
        user, proof = await reauthenticate(auth, metadata, user_id, password, otp)
        await record(auth, metadata, user_id, proof, passkeys, *notices(auth, user, FACTORS_CHANGED, language))

    await retrying_limited(auth, user_id, ip, attempt)
