"""The second factor of authenticator apps: codes of the time (RFC 6238), and recovery codes for who lost the app."""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import field
from datetime import datetime
from typing import Final
from uuid import UUID

from eventsourcing.domain import event
from pyotp import TOTP
from pyotp.exceptions import OTPVerificationError

from auth.errors import InvalidCredentials, TotpEnabled, TotpNotEnabled, TotpNotEnrolled
from eventstore.aggregate import UNRECORDED, Aggregate, Created
from eventstore.ids import id_of

ISSUER: Final = "gagyebu"
SECRET_BYTES: Final = 20
"""160 bits, the length that RFC 4226 recommends."""
WINDOW_STEPS: Final = 1
"""How many steps of 30 seconds the clock of a telephone may be off, in either direction."""
RECOVERY_CODES: Final = 10
RECOVERY_CODE_BYTES: Final = 15
"""120 random bits: above 112 a hash needs neither salt nor to be slow (ASVS 6.5.2). Earlier ones had 80."""

_CODE: Final = re.compile(r"[0-9]{6}")
_BETWEEN: Final = re.compile(r"[\s-]+")


def totp_id(user_id: UUID) -> UUID:
    """The id of a user's authenticator app, which follows from the user's."""
    return id_of(hashlib.sha256(b"totp" + user_id.bytes).digest())


def recovery_code(random: bytes) -> str:
    """Write random bits for people: abcd-efgh-ijkl-mnop-qrst-uvwx."""
    text = base64.b32encode(random).decode("ascii").lower()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def recovery_hash(code: str) -> str:
    """What is kept of a recovery code, however it is spelled."""
    return hashlib.sha256(_BETWEEN.sub("", code).lower().encode()).hexdigest()


class Totp(Aggregate):
    """A stream in the user's journal. Every change is a security event; the codes used are streams of their own."""

    TOPIC = "totp"

    class Event(Aggregate.Event):
        """Any event of this kind of stream."""

    class Opened(Event, Created):
        TOPIC = "totp.opened"

    class Enrolled(Event):
        """The app has got its secret, in base32; it does not count until it was confirmed by a code."""

        TOPIC = "totp.enrolled"
        SEALED = frozenset({"secret"})
        secret: str = field(repr=False)

    class Confirmed(Event):
        TOPIC = "totp.confirmed"
        recovery_hashes: list[str]

    class RecoveryCodeUsed(Event):
        TOPIC = "totp.recovery_code_used"
        recovery_hash: str

    class RecoveryCodesRenewed(Event):
        TOPIC = "totp.recovery_codes_renewed"
        recovery_hashes: list[str]

    class Disabled(Event):
        TOPIC = "totp.disabled"

    @event(Opened)
    def __init__(
        self,
        id: UUID,  # noqa: A002 - the library's name for it
    ) -> None:
        self.secret: str | None = None
        self.recovery_hashes = set[str]()
        self.confirmed_at: datetime | None = None

    def __repr__(self) -> str:
        return f"Totp({self.id})"  # never what it holds: it would end in logs

    @property
    def enabled(self) -> bool:
        """Whether who signs in by password must show it."""
        return self.confirmed_at is not None

    def enroll(self, secret: str) -> None:
        """Give the app a secret; what was not confirmed is replaced. Raises: TotpEnabled."""
        if self.enabled:
            raise TotpEnabled
        self._enroll(secret)

    def confirm(self, code: str, now: datetime, recovery_codes: Iterable[str]) -> "TotpStep":
        """Enable it. Returns: the step of the code, which is used by it. Raises: TotpEnabled, TotpNotEnrolled,
        InvalidCredentials.
        """
        if self.enabled:
            raise TotpEnabled
        if self.secret is None:
            raise TotpNotEnrolled
        step = self._step_of(code, now)
        self._confirm([recovery_hash(code) for code in recovery_codes])
        return step

    def use(self, code: str, now: datetime) -> "TotpStep | None":
        """Spend a recovery code, or find the step of a code of the app, for the caller to record.

        Raises: InvalidCredentials.
        """
        if _is_of_app(code):
            return self._step_of(code, now)
        spent = recovery_hash(code)
        if spent not in self.recovery_hashes:
            raise InvalidCredentials
        self._use_recovery_code(spent)
        return None

    def renew_recovery_codes(self, recovery_codes: Iterable[str]) -> None:
        """Raises: TotpNotEnabled."""
        self.require_enabled()
        self._renew_recovery_codes([recovery_hash(code) for code in recovery_codes])

    def disable(self) -> None:
        """Raises: TotpNotEnabled."""
        self.require_enabled()
        self._disable()

    def require_enabled(self) -> None:
        """Raises: TotpNotEnabled."""
        if not self.enabled:
            raise TotpNotEnabled

    def provisioning_uri(self, email: str) -> str:
        """What the app reads as a QR code."""
        return self._algorithm.provisioning_uri(name=email, issuer_name=ISSUER)

    @property
    def _algorithm(self) -> TOTP:
        """Raises: InvalidCredentials once the secret was erased."""
        if self.secret is None:
            raise InvalidCredentials
        return TOTP(self.secret)

    def _step_of(self, code: str, now: datetime) -> "TotpStep":
        algorithm = self._algorithm
        try:
            step = algorithm.verify_and_get_timecode(_BETWEEN.sub("", code), for_time=now, valid_window=WINDOW_STEPS)
        except OTPVerificationError:
            raise InvalidCredentials from None
        return TotpStep(id=step_id(algorithm, step), step=step)

    def later_steps(self, step: "TotpStep") -> list[UUID]:
        """The ids of the steps that could have been used before this one, although they are later."""
        return [step_id(self._algorithm, step.step + ahead) for ahead in range(1, 2 * WINDOW_STEPS + 1)]

    @event(Enrolled)
    def _enroll(self, secret: str) -> None:
        self.secret = secret

    @event(Confirmed)
    def _confirm(self, recovery_hashes: list[str], timestamp: datetime = UNRECORDED) -> None:
        self.recovery_hashes = set(recovery_hashes)
        self.confirmed_at = timestamp

    @event(RecoveryCodeUsed)
    def _use_recovery_code(self, recovery_hash: str) -> None:
        self.recovery_hashes.discard(recovery_hash)

    @event(RecoveryCodesRenewed)
    def _renew_recovery_codes(self, recovery_hashes: list[str]) -> None:
        self.recovery_hashes = set(recovery_hashes)

    @event(Disabled)
    def _disable(self) -> None:
        self.secret = None
        self.recovery_hashes = set()
        self.confirmed_at = None


class TotpStep(Aggregate):
    """One step of the time whose code was used: the id follows from it, so a second use conflicts at version 1.

    A stream of its own, because a user who signs in every hour for years must not make every sign-in replay them all.
    """

    TOPIC = "totp_step"

    class Used(Created):
        TOPIC = "totp_step.used"
        step: int

    @event(Used)
    def __init__(
        self,
        id: UUID,  # noqa: A002 - the library's name for it
        step: int,
    ) -> None:
        self.step = step


def step_id(algorithm: TOTP, step: int) -> UUID:
    """The id of a step of one secret; it tells nothing of the secret."""
    return id_of(hmac.digest(algorithm.byte_secret(), b"step %d" % step, "sha256"))


def _is_of_app(code: str) -> bool:
    return bool(_CODE.fullmatch(_BETWEEN.sub("", code)))
