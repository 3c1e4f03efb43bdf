"""Commands on the authenticator app and its recovery codes."""

import base64
import secrets
from uuid import UUID

from auth.commands.deciding import Auth, find_user
from auth.commands.limiting import retrying_limited
from auth.commands.messages import notices
from auth.commands.proving import Proof, reauthenticate, record
from auth.errors import TotpEnabled, TotpNotEnabled, TotpNotEnrolled
from auth.message import FACTORS_CHANGED
from auth.totp import RECOVERY_CODE_BYTES, RECOVERY_CODES, SECRET_BYTES, Totp, recovery_code, totp_id
from eventstore.codec import Metadata


async def load_totp(auth: Auth, user_id: UUID) -> Totp | None:
    return await auth.store.load(user_id, Totp, totp_id(user_id))


async def enroll_totp(auth: Auth, metadata: Metadata, user_id: UUID, ip: str, password: str) -> tuple[str, str]:
    """Begin to set an app up. Returns: its secret, and the URI by which the app reads it.

    Raises: TotpEnabled, WrongPassword, TooManyAttempts, TooManySignIns.
    """
    secret = base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")

    async def attempt() -> tuple[str, str]:
        totp = await load_totp(auth, user_id)
        if totp is not None and totp.enabled:
            raise TotpEnabled
        user, proof = await reauthenticate(auth, metadata, user_id, password, None)
        totp = totp or Totp(id=totp_id(user_id))
        totp.enroll(secret)
        await record(auth, metadata, user_id, proof, totp)
        return secret, totp.provisioning_uri(user.email)

    return await retrying_limited(auth, user_id, ip, attempt)


async def confirm_totp(auth: Auth, metadata: Metadata, user_id: UUID, ip: str, language: str, otp: str) -> list[str]:
    """Enable the app by its first code. Returns: the recovery codes, which cannot be shown again.

    Raises: TotpNotEnrolled, TotpEnabled, WrongPassword, TooManyAttempts, TooManySignIns.
    """
    codes = _recovery_codes()

    async def attempt() -> list[str]:
        totp = await load_totp(auth, user_id)
        if totp is None:
            raise TotpNotEnrolled
        step = totp.confirm(otp, auth.clock(), codes)
        told = notices(auth, await find_user(auth, user_id), FACTORS_CHANGED, language)
        await record(auth, metadata, user_id, Proof([], [totp, step], once=frozenset([step.id])), *told)
        return codes

    return await retrying_limited(auth, user_id, ip, attempt)


async def renew_recovery_codes(
    auth: Auth, metadata: Metadata, user_id: UUID, ip: str, language: str, password: str, otp: str | None
) -> list[str]:
    """Replace the recovery codes. Returns: the new ones, which cannot be shown again.

    Raises: TotpNotEnabled, OtpRequired, WrongPassword, TooManyAttempts, TooManySignIns.
    """
    codes = _recovery_codes()

    async def attempt() -> list[str]:
        user, proof = await reauthenticate(auth, metadata, user_id, password, otp)
        _app_of(proof).renew_recovery_codes(codes)
        await record(auth, metadata, user_id, proof, *notices(auth, user, FACTORS_CHANGED, language))
        return codes

    return await retrying_limited(auth, user_id, ip, attempt)


async def disable_totp(
    auth: Auth, metadata: Metadata, user_id: UUID, ip: str, language: str, password: str, otp: str | None
) -> None:
    """Raises: TotpNotEnabled, OtpRequired, WrongPassword, TooManyAttempts, TooManySignIns."""

    async def attempt() -> None:
        user, proof = await reauthenticate(auth, metadata, user_id, password, otp)
        _app_of(proof).disable()
        await record(auth, metadata, user_id, proof, *notices(auth, user, FACTORS_CHANGED, language))

    await retrying_limited(auth, user_id, ip, attempt)


def _app_of(proof: Proof) -> Totp:
    """The app whose code proved it. Raises: TotpNotEnabled."""
    for aggregate in proof.aggregates:
        if isinstance(aggregate, Totp):
            return aggregate
    raise TotpNotEnabled


def _recovery_codes() -> list[str]:
    return [recovery_code(secrets.token_bytes(RECOVERY_CODE_BYTES)) for _ in range(RECOVERY_CODES)]
