"""API tokens: what a user's scripts show instead of signing in; named, limited, expiring."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import ClassVar, Final
from uuid import UUID

from eventsourcing.domain import event

from eventstore.aggregate import Aggregate, Created
from eventstore.tokens import StreamToken

READ: Final = "read"
WRITE: Final = "write"
SCOPES: Final = (READ, WRITE)
LIVE_MAX: Final = 50
"""How many a user may have at a time."""
REVOKED_BY_OWNER: Final = "by_owner"
REVOKED_BY_HOLDER: Final = "by_holder"
"""By whoever showed it (RFC 7009)."""
REVOKED_BY_ADMIN: Final = "by_admin"
REVOKED_BY_ERASURE: Final = "account_erased"


class ApiSecret(StreamToken):
    """What a script shows: whose token it is, which, and its secret."""

    PREFIX: ClassVar[str] = "gyb_"

    @property
    def user_id(self) -> UUID:
        return self.journal_id

    @property
    def token_id(self) -> UUID:
        return self.stream_id


class ApiToken(Aggregate):
    """A stream in the user's journal."""

    TOPIC = "api_token"

    class Event(Aggregate.Event):
        """Any event of this kind of stream."""

    class Issued(Event, Created):
        """books: the only ones that it is for; None: all of the user's."""

        TOPIC = "api_token.issued"
        SEALED = frozenset({"name"})
        name: str
        token_hash: str
        scopes: list[str]
        books: list[UUID] | None
        expires_at: datetime

    class Used(Event):
        """At most once a day, so that a busy script does not fill the journal."""

        TOPIC = "api_token.used"
        used_on: date

    class Revoked(Event):
        TOPIC = "api_token.revoked"
        reason: str

    @event(Issued)
    def __init__(
        self,
        id: UUID,  # noqa: A002 - the library's name for it
        name: str,
        token_hash: str,
        scopes: list[str],
        books: list[UUID] | None,
        expires_at: datetime,
    ) -> None:
        self.name = name
        self.token_hash = token_hash
        self.scopes = scopes
        self.books = books
        self.expires_at = expires_at
        self.last_used_on: date | None = None
        self.revoked = False

    def __repr__(self) -> str:
        return f"ApiToken({self.id})"  # never what it holds: it would end in logs

    def opens_for(self, secret: ApiSecret, now: datetime) -> bool:
        """Tell whether this secret is good at this time."""
        return secret.matches(self.token_hash) and not self.revoked and now < self.expires_at

    def note_use(self, day: date) -> None:
        """Note that it was used on a day; nothing happens where that is known, or a later one."""
        if self.last_used_on is None or self.last_used_on < day:
            self._use(day)

    def revoke(self, reason: str) -> None:
        """Nothing happens where it was revoked before."""
        if not self.revoked:
            self._revoke(reason)

    @event(Used)
    def _use(self, used_on: date) -> None:
        self.last_used_on = used_on

    @event(Revoked)
    def _revoke(self, reason: str) -> None:
        self.revoked = True


def with_implied(scopes: Sequence[str]) -> list[str]:
    """The scopes with those that they include: who may write may read. In the order of SCOPES."""
    return [scope for scope in SCOPES if scope in scopes or WRITE in scopes]
