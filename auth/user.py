"""The user, and the claim that makes an e-mail address the user's alone."""

import hmac
import unicodedata
from dataclasses import field
from datetime import date
from uuid import UUID

from eventsourcing.domain import event

from eventstore.aggregate import Aggregate, Created


class User(Aggregate):
    """The root of a user's journal."""

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
        self.password_hash = password_hash

    def __repr__(self) -> str:
        return f"User({self.id})"  # never what it holds: it would end in logs

    @event(PasswordRehashed)
    def rehash_password(self, password_hash: str) -> None:
        self.password_hash = password_hash


class EmailClaim(Aggregate):
    """A journal whose id follows from the e-mail address: a second claim conflicts at version 1."""

    TOPIC = "email_claim"

    class Claimed(Created):
        TOPIC = "email_claim.claimed"
        user_id: UUID

    @event(Claimed)
    def __init__(
        self,
        id: UUID,  # noqa: A002 - the library's name for it
        user_id: UUID,
    ) -> None:
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
