"""The share link: a short code that shows one entry to whoever has it, until it expires or is revoked."""

import base64
import hashlib
import hmac
import re
from datetime import datetime
from typing import Final
from uuid import UUID

from eventsourcing.domain import event

from eventstore.aggregate import Aggregate, Created
from eventstore.ids import id_of
from ledger.errors import ShareRevoked

CODE_BYTES: Final = 9
CODE: Final = re.compile(r"[A-Za-z0-9_-]{12}")
OPENS_MAX: Final = 1_000
"""How many opens of one link are counted: a stranger who opens it must not fill the journal."""


def code_of(secret: bytes) -> str:
    """Write 72 random bits as a code of 12 characters."""
    return base64.urlsafe_b64encode(secret).decode("ascii")


def share_id_of(code: str, key: bytes) -> UUID:
    """The id of the link that a code opens: its hash, the one thing that is kept of it.

    Nobody guesses 72 bits over HTTP, but whoever has a copy of the database could try them at home: hence the key.
    """
    return id_of(hmac.digest(key, code.encode(), "sha256"))


def opening_id_of(share_id: UUID, number: int) -> UUID:
    """The stream of a link's n-th opening, from 1: nobody else can record it, so none is counted twice."""
    return id_of(hashlib.sha256(share_id.bytes + number.to_bytes(4)).digest())


class ShareLink(Aggregate):
    """A stream in the book's journal, whose id follows from the code."""

    TOPIC = "share"

    class Event(Aggregate.Event):
        """Any event of this kind of stream."""

    class Issued(Event, Created):
        TOPIC = "share.issued"
        entry_id: UUID
        expires_at: datetime

    class Revoked(Event):
        TOPIC = "share.revoked"

    @event(Issued)
    def __init__(
        self,
        id: UUID,  # noqa: A002 - the library's name for it
        entry_id: UUID,
        expires_at: datetime,
    ) -> None:
        self.entry_id = entry_id
        self.expires_at = expires_at
        self.revoked = False

    def revoke(self) -> None:
        """Raises: ShareRevoked."""
        if self.revoked:
            raise ShareRevoked
        self._revoke()

    @event(Revoked)
    def _revoke(self) -> None:
        self.revoked = True


class ShareOpening(Aggregate):
    """One look at an entry through a link; a stream of its own, so that it changes nothing that others rely on."""

    TOPIC = "share_opening"

    class Opened(Created):
        TOPIC = "share_opening.opened"
        share_id: UUID

    @event(Opened)
    def __init__(
        self,
        id: UUID,  # noqa: A002 - the library's name for it
        share_id: UUID,
    ) -> None:
        self.share_id = share_id
