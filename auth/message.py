"""The message: what a user is told by mail or phone, mostly with a link that works once."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from eventsourcing.domain import event

from auth.errors import LinkInvalid
from eventstore.aggregate import Aggregate, Created

MAIL: Final = "mail"
PHONE: Final = "phone"

VERIFY_EMAIL: Final = "verify_email"
CONFIRM_EMAIL: Final = "confirm_email"
RESET_PASSWORD: Final = "reset_password"  # noqa: S105 - the name of a kind
LINK_LIFETIMES: Final = {
    VERIFY_EMAIL: timedelta(days=7),
    CONFIRM_EMAIL: timedelta(days=1),
    RESET_PASSWORD: timedelta(minutes=30),
}
"""Of the messages with a link, how long it works."""

EMAIL_CHANGE_ASKED: Final = "email_change_asked"
EMAIL_CHANGED: Final = "email_changed"
PASSWORD_CHANGED: Final = "password_changed"  # noqa: S105
PHONE_NUMBER_CHANGED: Final = "phone_number_changed"
FACTORS_CHANGED: Final = "factors_changed"
NOTICES: Final = (EMAIL_CHANGE_ASKED, EMAIL_CHANGED, PASSWORD_CHANGED, PHONE_NUMBER_CHANGED, FACTORS_CHANGED)
"""The messages that only tell what happened to the account."""
NOTICE_LIFETIME: Final = timedelta(days=3)
"""How long it is tried to deliver one."""


class Message(Aggregate):
    """A stream in the user's journal; it is posted together with what it tells of, and sent some time after.

    A link's secret follows from the ids of user and message by a key, so nothing of it is stored.
    """

    TOPIC = "message"

    class Event(Aggregate.Event):
        """Any event of this kind of stream."""

    class Posted(Event, Created):
        """`credentials` are those of the user then; expires_at is exclusive."""

        TOPIC = "message.posted"
        SEALED = frozenset({"to"})
        kind: str
        channel: str
        to: str
        language: str
        credentials: int
        expires_at: datetime

    class Sent(Event):
        """The channel took it over, at least once."""

        TOPIC = "message.sent"

    class Refused(Event):
        """The channel will never take it."""

        TOPIC = "message.refused"

    class Used(Event):
        """Its link did what it was for."""

        TOPIC = "message.used"

    @event(Posted)
    def __init__(
        self,
        id: UUID,  # noqa: A002 - the library's name for it
        kind: str,
        channel: str,
        to: str,
        language: str,
        credentials: int,
        expires_at: datetime,
    ) -> None:
        self.kind = kind
        self.channel = channel
        self.to = to
        self.language = language
        self.credentials = credentials
        self.expires_at = expires_at
        self.waiting = True
        self.used = False

    def __repr__(self) -> str:
        return f"Message({self.id})"  # never whom it is for: it would end in logs

    def is_due(self, now: datetime) -> bool:
        """Tell whether it is still to be sent; without its address, which is sealed, it cannot be."""
        return self.waiting and now < self.expires_at and self.to is not None

    def use(self, kind: str, now: datetime) -> None:
        """Take the link for what it is, once. Raises: LinkInvalid."""
        if self.used or kind != self.kind or now >= self.expires_at:
            raise LinkInvalid
        self._use()

    @event(Sent)
    def note_sent(self) -> None:
        self.waiting = False

    @event(Refused)
    def note_refused(self) -> None:
        self.waiting = False

    @event(Used)
    def _use(self) -> None:
        self.used = True
        self.waiting = False
