"""The invitation: a token that makes one person, known by the e-mail address, a member of a book."""

from dataclasses import field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from eventsourcing.domain import event

from eventstore.aggregate import Aggregate, Created
from eventstore.tokens import StreamToken
from ledger.errors import InvitationGone, InvitationNotFound

LIFETIME: Final = timedelta(days=7)


class Invitation(Aggregate):
    """A stream in the book's journal."""

    TOPIC = "invitation"

    class Event(Aggregate.Event):
        """Any event of this kind of stream."""

    class Issued(Event, Created):
        TOPIC = "invitation.issued"
        SEALED = frozenset({"email"})
        email: str
        role: str
        token_hash: str = field(repr=False)
        expires_at: datetime

    class Accepted(Event):
        TOPIC = "invitation.accepted"
        user_id: UUID

    @event(Issued)
    def __init__(
        self,
        id: UUID,  # noqa: A002 - the library's name for it
        email: str,
        role: str,
        token_hash: str,
        expires_at: datetime,
    ) -> None:
        self.email = email
        self.role = role
        self.token_hash = token_hash
        self.expires_at = expires_at
        self.accepted_by: UUID | None = None

    def accept(self, user_id: UUID, email: str, token: StreamToken, now: datetime) -> None:
        """Raises: InvitationNotFound for anybody else, InvitationGone when used or expired."""
        if not token.matches(self.token_hash) or email.casefold() != self.email.casefold():
            raise InvitationNotFound
        if self.accepted_by is not None or now >= self.expires_at:
            raise InvitationGone
        self._accept(user_id)

    @event(Accepted)
    def _accept(self, user_id: UUID) -> None:
        self.accepted_by = user_id
