"""The keys that sign access tokens: who made which, when, and since when it is of no use."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from eventsourcing.domain import event

from eventstore.aggregate import UNRECORDED, Aggregate, Created
from eventstore.ids import id_of

JOURNAL_ID: Final = id_of(hashlib.sha256(b"gagyebu signing keys").digest())
"""One per deployment, whichever process is the first to begin it."""


@dataclass
class SigningKey:
    """A key pair, both halves in base64url; the private one is None once its journal's data key is destroyed."""

    kid: str
    public_key: str
    private_key: str | None = field(repr=False)
    generated_at: datetime
    superseded_at: datetime | None = None
    """When a newer one began to sign; what this one signed until then is good until it expires."""
    retired: bool = False
    """Nothing that it signed is good any more."""


class SigningKeys(Aggregate):
    """The root of the service's own journal.

    Keys for other purposes will be streams of their own beside it, with a prefix in their `kid`.
    """

    TOPIC = "signing_keys"

    class Opened(Created):
        TOPIC = "signing_keys.opened"

    class Generated(Aggregate.Event):
        TOPIC = "signing_keys.generated"
        SEALED = frozenset({"private_key"})
        kid: str
        public_key: str
        private_key: str = field(repr=False)

    class Retired(Aggregate.Event):
        """Its tokens are refused though they have not expired: the key may be in other hands."""

        TOPIC = "signing_keys.retired"
        kid: str

    @event(Opened)
    def __init__(self, id: UUID) -> None:  # noqa: A002 - the library's name for it
        self.keys: dict[str, SigningKey] = {}

    def __repr__(self) -> str:
        return f"SigningKeys({list(self.keys)})"  # never what it holds: it would end in logs

    @property
    def current(self) -> SigningKey:
        """The one that signs: the newest."""
        return next(reversed(self.keys.values()))

    def rotate(self, kid: str, public_key: str, private_key: str, *, at_once: bool = False) -> None:
        """Let a new key sign. `at_once`: the tokens of all others are refused from now on."""
        others = [key.kid for key in self.keys.values() if not key.retired] if at_once else []
        self.generate(kid, public_key, private_key)
        for other in others:
            self._retire(other)

    @event(Generated)
    def generate(self, kid: str, public_key: str, private_key: str, timestamp: datetime = UNRECORDED) -> None:
        if self.keys:
            self.current.superseded_at = timestamp
        self.keys[kid] = SigningKey(kid, public_key, private_key, timestamp)

    @event(Retired)
    def _retire(self, kid: str) -> None:
        self.keys[kid].retired = True
