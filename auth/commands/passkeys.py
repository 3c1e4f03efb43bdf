"""Commands on passkeys."""

from typing import Any
from uuid import UUID

from auth.commands.deciding import Auth, retrying
from auth.commands.limiting import retrying_limited
from auth.commands.proving import Proof, reauthenticate, record
from auth.errors import PasskeyNotFound, TooManyPasskeys
from auth.passkeys import PASSKEYS_MAX, Passkey, Passkeys, passkeys_id
from eventstore.codec import Metadata


async def list_passkeys(auth: Auth, user_id: UUID) -> list[Passkey]:
    """The live ones, oldest first."""
    passkeys = await auth.store.load(user_id, Passkeys, passkeys_id(user_id))
    return list(passkeys.live.values()) if passkeys else []


async def begin_passkey(
    auth: Auth, metadata: Metadata, user_id: UUID, ip: str, password: str, otp: str | None
) -> dict[str, Any]:
    """Make the options for a new passkey, for who proves again who it is; their challenge is for this user alone.

    Raises: TooManyPasskeys, InvalidCredentials, OtpRequired, TooManyAttempts, TooManySignIns.
    """

    async def attempt() -> dict[str, Any]:
        user, proof = await reauthenticate(auth, metadata, user_id, password, otp)
        existing = await list_passkeys(auth, user_id)
        if len(existing) >= PASSKEYS_MAX:
            raise TooManyPasskeys
        await record(auth, metadata, user_id, proof)
        return auth.ceremonies.registration_options(user_id, user.email, existing)

    return await retrying_limited(auth, user_id, ip, attempt)


async def register_passkey(
    auth: Auth, metadata: Metadata, user_id: UUID, name: str, credential: dict[str, Any]
) -> Passkey:
    """Raises: UnusablePasskey, TooManyPasskeys, TooManySignIns."""
    attested = auth.ceremonies.verify_registration(user_id, credential)

    async def attempt() -> Passkey:
        passkeys = await auth.store.load(user_id, Passkeys, passkeys_id(user_id)) or Passkeys(id=passkeys_id(user_id))
        passkeys.register(
            attested.passkey_id,
            attested.credential_id,
            attested.public_key,
            name,
            attested.sign_count,
            synced=attested.synced,
        )
        await record(auth, metadata, user_id, Proof([]), passkeys)
        passkey = passkeys.find(attested.passkey_id)
        passkey.created_at = passkeys.modified_on
        return passkey

    return await retrying(attempt)


async def remove_passkey(
    auth: Auth, metadata: Metadata, user_id: UUID, ip: str, passkey_id: UUID, password: str, otp: str | None
) -> None:
    """Raises: PasskeyNotFound, InvalidCredentials, OtpRequired, TooManyAttempts, TooManySignIns."""

    async def attempt() -> None:
        passkeys = await auth.store.load(user_id, Passkeys, passkeys_id(user_id))
        if passkeys is None:
            raise PasskeyNotFound
        passkeys.remove(passkey_id)
        _, proof = await reauthenticate(auth, metadata, user_id, password, otp)
        await record(auth, metadata, user_id, proof, passkeys)

    await retrying_limited(auth, user_id, ip, attempt)
