"""The session: one sign-in on one device, kept alive by refresh tokens that rotate."""

import hmac
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from eventsourcing.domain import event

from auth.errors import InvalidRefreshToken
from eventstore.aggregate import Aggregate, Created
from eventstore.tokens import StreamToken

IDLE_LIFETIME: Final = timedelta(days=30)
LIFETIME: Final = timedelta(days=90)
RETRY_WINDOW: Final = timedelta(seconds=10)
"""How long after a rotation the token before it may ask again, because the answer was lost."""
ROTATIONS_MAX: Final = 10_000
"""More than one every quarter of an hour for LIFETIME; it bounds the stream, which every refresh replays."""

SIGNED_OUT: Final = "signed_out"
ENDED_FROM_ELSEWHERE: Final = "ended_from_elsewhere"
"""By the user, in another session."""
PASSWORD_WAS_CHANGED: Final = "password_changed"  # noqa: S105 - the name of a reason
ENDED_BY_ADMIN: Final = "by_admin"
ACCOUNT_ERASED: Final = "account_erased"
REVOKED: Final = "revoked"
"""By whoever held one of its tokens (RFC 7009)."""
REFRESH_TOKEN_REUSED: Final = "refresh_token_reused"  # noqa: S105 - the name of a reason


class RefreshToken(StreamToken):
    """What a client shows to go on: where its session is, and a secret that changes with every use."""

    @property
    def user_id(self) -> UUID:
        return self.journal_id

    @property
    def session_id(self) -> UUID:
        return self.stream_id

    def successor(self, rotation_key: bytes) -> "RefreshToken":
        """The next token; it follows from this one, so a lost answer can be given once more without being kept."""
        return replace(self, secret=hmac.digest(rotation_key, self.secret, "sha256"))


class Session(Aggregate):
    """A stream in the user's journal.

    Every event but the last one rotates the token, so `modified_on` of a live session is the time of its last rotation.
    """

    TOPIC = "session"

    class Event(Aggregate.Event):
        """Any event of this kind of stream."""

    class Started(Event, Created):
        """`amr`: how the user was authenticated, in the words of RFC 8176; before it was noted, by password alone."""

        TOPIC = "session.started"
        SEALED = frozenset({"user_agent", "ip"})
        class_version: ClassVar[int] = 2
        refresh_hash: str
        user_agent: str
        ip: str
        amr: list[str]

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            state.update(amr=["pwd"])

    class Refreshed(Event):
        """None: as before."""

        TOPIC = "session.refreshed"
        SEALED = frozenset({"user_agent", "ip"})
        refresh_hash: str
        user_agent: str | None
        ip: str | None

    class Ended(Event):
        TOPIC = "session.ended"
        reason: str

    @event(Started)
    def __init__(
        self,
        id: UUID,  # noqa: A002 - the library's name for it
        refresh_hash: str,
        user_agent: str,
        ip: str,
        amr: list[str],
    ) -> None:
        self.refresh_hash = refresh_hash
        self.spent_hashes = set[str]()
        self.user_agent = user_agent
        self.ip = ip
        self.amr = amr
        self.ended = False

    def __repr__(self) -> str:
        return f"Session({self.id})"  # never what it holds: it would end in logs

    @property
    def expires_on(self) -> datetime:
        """When the current refresh token lapses unless it is used; exclusive."""
        return min(self.modified_on + IDLE_LIFETIME, self.created_on + LIFETIME)

    def refresh(self, token: RefreshToken, successor: RefreshToken, now: datetime, user_agent: str, ip: str) -> None:
        """Rotate to the successor; nothing happens for the retry of a lost answer.

        A token spent before that was stolen, or its successor was: the session ends.
        Raises: InvalidRefreshToken.
        """
        if self.ended or now >= self.expires_on or len(self.spent_hashes) >= ROTATIONS_MAX:
            raise InvalidRefreshToken
        if token.matches(self.refresh_hash):
            new_user_agent = None if user_agent == self.user_agent else user_agent
            self._refresh(successor.digest, new_user_agent, None if ip == self.ip else ip)
        elif token.digest not in self.spent_hashes:  # never issued: who made it up must not end the session
            raise InvalidRefreshToken
        elif not self._is_retry(successor, now):
            self.end(REFRESH_TOKEN_REUSED)

    def continues_with(self, token: RefreshToken, now: datetime) -> bool:
        """Tell whether this token is the current one, and good at this time."""
        return not self.ended and now < self.expires_on and token.matches(self.refresh_hash)

    def has_issued(self, token: RefreshToken) -> bool:
        """Tell whether this token is the current one or was before."""
        return token.matches(self.refresh_hash) or token.digest in self.spent_hashes

    def end(self, reason: str) -> None:
        """End the session; nothing happens where it has ended."""
        if not self.ended:
            self._end(reason)

    def _is_retry(self, successor: RefreshToken, now: datetime) -> bool:
        """Tell whether this is the token just before the current one, soon after it was spent."""
        is_previous = successor.matches(self.refresh_hash)
        return is_previous and now - self.modified_on <= RETRY_WINDOW

    @event(Refreshed)
    def _refresh(self, refresh_hash: str, user_agent: str | None, ip: str | None) -> None:
        self.spent_hashes.add(self.refresh_hash)
        self.refresh_hash = refresh_hash
        if user_agent is not None:
            self.user_agent = user_agent
        if ip is not None:
            self.ip = ip

    @event(Ended)
    def _end(self, reason: str) -> None:
        self.ended = True
