"""The user, and the claim that makes an e-mail address the user's alone."""

import hmac
import unicodedata
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from uuid import UUID

from eventsourcing.domain import event

from eventstore.aggregate import Aggregate, Created

ROLES: Final = ("admin", "auditor")
"""Beyond the household's own; given by who runs the service."""


@dataclass(frozen=True)
class PendingEmail:
    """An address that the user wants instead, until it is confirmed; expires_at is exclusive."""

    email: str
    expires_at: datetime


class User(Aggregate):
    """The root of a user's journal.

    `credentials` counts the changes of what links are mailed for: a link from before the last one is void.
    """

    TOPIC = "user"

    class SignedUp(Created):
        TOPIC = "user.signed_up"
        SEALED = frozenset({"email", "name", "birth_date", "phone_number", "password_hash"})
        email: str
        name: str | None
        birth_date: date | None
        phone_number: str | None
        password_hash: str = field(repr=False)

    class PasswordRehashed(Aggregate.Event):
        """The same password, hashed with newer parameters."""

        TOPIC = "user.password_rehashed"
        SEALED = frozenset({"password_hash"})
        password_hash: str = field(repr=False)

    class PasswordChanged(Aggregate.Event):
        TOPIC = "user.password_changed"
        SEALED = frozenset({"password_hash"})
        password_hash: str = field(repr=False)

    class ProfileAmended(Aggregate.Event):
        """The whole profile as it is from now on; `phone_number_since` None: from the beginning."""

        TOPIC = "user.profile_amended"
        SEALED = frozenset({"name", "birth_date", "phone_number"})
        name: str | None
        birth_date: date | None
        phone_number: str | None
        phone_number_since: datetime | None

    class EmailVerified(Aggregate.Event):
        """The present address was shown to be the user's."""

        TOPIC = "user.email_verified"

    class EmailChangeAsked(Aggregate.Event):
        TOPIC = "user.email_change_asked"
        SEALED = frozenset({"email"})
        email: str
        expires_at: datetime

    class EmailChanged(Aggregate.Event):
        """The address asked for was shown to be the user's, and took the place of the other."""

        TOPIC = "user.email_changed"
        SEALED = frozenset({"email"})
        email: str

    class RoleGranted(Aggregate.Event):
        TOPIC = "user.role_granted"
        role: str

    class RoleTaken(Aggregate.Event):
        TOPIC = "user.role_taken"
        role: str

    class Erased(Aggregate.Event):
        """The journal's data key is destroyed with it: nothing that is sealed here can be read again."""

        TOPIC = "user.erased"

    @event(SignedUp)
    def __init__(
        self,
        id: UUID,  # noqa: A002 - the library's name for it
        email: str,
        name: str | None,
        birth_date: date | None,
        phone_number: str | None,
        password_hash: str,
    ) -> None:
        self.email = email
        self.name = name
        self.birth_date = birth_date
        self.phone_number = phone_number
        self.phone_number_since: datetime | None = None
        self.password_hash = password_hash
        self.email_verified = False
        self.pending_email: PendingEmail | None = None
        self.credentials = 0
        self.roles = set[str]()
        self.erased = False

    def __repr__(self) -> str:
        return f"User({self.id})"  # never what it holds: it would end in logs

    @event(PasswordRehashed)
    def rehash_password(self, password_hash: str) -> None:
        self.password_hash = password_hash

    @event(PasswordChanged)
    def change_password(self, password_hash: str) -> None:
        self.password_hash = password_hash
        self.pending_email = None  # whoever asked for it may have been the reason
        self.credentials += 1

    def amend_profile(self, name: str | None, birth_date: date | None, phone_number: str | None, now: datetime) -> None:
        """Nothing happens where nothing changes."""
        since = self.phone_number_since if phone_number == self.phone_number else now
        if (name, birth_date, phone_number) != (self.name, self.birth_date, self.phone_number):
            self._amend_profile(name, birth_date, phone_number, since)

    @event(ProfileAmended)
    def _amend_profile(
        self,
        name: str | None,
        birth_date: date | None,
        phone_number: str | None,
        phone_number_since: datetime | None,
    ) -> None:
        self.name = name
        self.birth_date = birth_date
        self.phone_number = phone_number
        self.phone_number_since = phone_number_since

    def verify_email(self) -> None:
        """Nothing happens where it is verified."""
        if not self.email_verified:
            self._verify_email()

    @event(EmailVerified)
    def _verify_email(self) -> None:
        self.email_verified = True

    @event(EmailChangeAsked)
    def ask_email_change(self, email: str, expires_at: datetime) -> None:
        self.pending_email = PendingEmail(email, expires_at)

    @event(EmailChanged)
    def change_email(self, email: str) -> None:
        self.email = email
        self.email_verified = True
        self.pending_email = None
        self.credentials += 1

    def grant_role(self, role: str) -> None:
        """Nothing happens where the user has it."""
        if role not in self.roles:
            self._grant_role(role)

    def take_role(self, role: str) -> None:
        """Nothing happens where the user does not have it."""
        if role in self.roles:
            self._take_role(role)

    def erase(self) -> None:
        """Nothing happens where it is done."""
        if not self.erased:
            self._erase()

    @event(RoleGranted)
    def _grant_role(self, role: str) -> None:
        self.roles.add(role)

    @event(RoleTaken)
    def _take_role(self, role: str) -> None:
        self.roles.remove(role)

    @event(Erased)
    def _erase(self) -> None:
        self.erased = True


class EmailClaim(Aggregate):
    """A journal whose id follows from the e-mail address: of two claims at once, one conflicts.

    `user_id` is None once the address is free again.
    """

    TOPIC = "email_claim"

    class Claimed(Created):
        TOPIC = "email_claim.claimed"
        user_id: UUID

    class Released(Aggregate.Event):
        TOPIC = "email_claim.released"

    class Reclaimed(Aggregate.Event):
        TOPIC = "email_claim.reclaimed"
        user_id: UUID

    @event(Claimed)
    def __init__(
        self,
        id: UUID,  # noqa: A002 - the library's name for it
        user_id: UUID,
    ) -> None:
        self.user_id: UUID | None = user_id

    @event(Released)
    def release(self) -> None:
        self.user_id = None

    @event(Reclaimed)
    def reclaim(self, user_id: UUID) -> None:
        self.user_id = user_id


def claim_id(pepper: bytes, email: str) -> UUID:
    """The id of an address's claim; without the pepper it tells nothing of the address."""
    return UUID(bytes=hmac.digest(pepper, fold_email(email).encode(), "sha256")[:16])


def fold_email(email: str) -> str:
    """The form in which addresses are compared: without case, NFC."""
    return unicodedata.normalize("NFC", email.casefold())


def age_on(today: date, birth_date: date) -> int:
    """Count full years; who is born on 29 February grows older on 1 March in common years."""
    return today.year - birth_date.year - ((today.month, today.day) < (birth_date.month, birth_date.day))
