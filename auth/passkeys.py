"""Passkeys: the public keys of authenticators that a user registered (WebAuthn Level 3)."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from eventsourcing.domain import event

from auth.errors import InvalidPasskey, PasskeyNotFound, TooManyPasskeys, UnusablePasskey
from eventstore.aggregate import UNRECORDED, Aggregate, Created
from eventstore.ids import id_of

PASSKEYS_MAX: Final = 20


def passkeys_id(user_id: UUID) -> UUID:
    """The id of a user's passkeys, which follows from the user's."""
    return id_of(hashlib.sha256(b"passkeys" + user_id.bytes).digest())


def passkey_id(credential_id: bytes) -> UUID:
    """The id of a passkey follows from the one that its authenticator gave it."""
    return id_of(hashlib.sha256(credential_id).digest())


@dataclass
class Passkey:
    """A live passkey; `synced` ones are held by software on several devices, others by one device."""

    id: UUID
    credential_id: str = field(repr=False)
    public_key: str = field(repr=False)
    name: str = field(repr=False)
    sign_count: int
    synced: bool
    created_at: datetime
    last_used_at: datetime | None = None
    clone_suspected: bool = False

    @property
    def amr(self) -> str:
        """How a key proves that it is there, in the words of RFC 8176."""
        return "swk" if self.synced else "hwk"


class Passkeys(Aggregate):
    """A stream in the user's journal: all passkeys, so that their number and each use are exact.

    Names are sealed for privacy. Keys are no secret, but sealed too: a seal also proves that who could write to the
    database, and has not the master key, did not put a key of his own there.
    """

    TOPIC = "passkeys"

    class Event(Aggregate.Event):
        """Any event of this kind of stream."""

    class Opened(Event, Created):
        TOPIC = "passkeys.opened"

    class Registered(Event):
        """`credential_id` and `public_key` (COSE) are base64url."""

        TOPIC = "passkeys.registered"
        SEALED = frozenset({"credential_id", "public_key", "name"})
        passkey_id: UUID
        credential_id: str
        public_key: str = field(repr=False)
        name: str
        sign_count: int
        synced: bool

    class Used(Event):
        TOPIC = "passkeys.used"
        passkey_id: UUID
        sign_count: int
        challenge_hash: str

    class CloneSuspected(Event):
        """An answer was refused, because its counter was not ahead of the last one."""

        TOPIC = "passkeys.clone_suspected"
        passkey_id: UUID
        sign_count: int

    class Removed(Event):
        TOPIC = "passkeys.removed"
        passkey_id: UUID

    @event(Opened)
    def __init__(
        self,
        id: UUID,  # noqa: A002 - the library's name for it
    ) -> None:
        self.live: dict[UUID, Passkey] = {}
        self.ever = set[UUID]()
        self.spent_challenges = set[str]()

    def __repr__(self) -> str:
        return f"Passkeys({self.id})"

    def find(self, passkey_id: UUID) -> Passkey:
        """Raises: InvalidPasskey for one that is not registered, or erased."""
        passkey = self.live.get(passkey_id)
        if passkey is None or not passkey.public_key:
            raise InvalidPasskey
        return passkey

    def register(
        self, passkey_id: UUID, credential_id: str, public_key: str, name: str, sign_count: int, *, synced: bool
    ) -> None:
        """Add a passkey; one that was here before is not taken again, so an old answer cannot bring it back.

        Raises: TooManyPasskeys, UnusablePasskey.
        """
        if passkey_id in self.ever:
            raise UnusablePasskey("This passkey is or was registered already.")
        if len(self.live) >= PASSKEYS_MAX:
            raise TooManyPasskeys(PASSKEYS_MAX)
        self._register(passkey_id, credential_id, public_key, name, sign_count, synced)

    def use(self, passkey_id: UUID, sign_count: int, challenge_hash: str) -> bool:
        """Note a use. Returns: False where a copy of the key seems to be about; that is noted once.

        Raises: InvalidPasskey for a challenge that was used before.
        """
        passkey = self.find(passkey_id)
        if challenge_hash in self.spent_challenges:
            raise InvalidPasskey
        # Zero on both sides: an authenticator that does not count (WebAuthn Level 3, 6.1.1).
        if (sign_count or passkey.sign_count) and sign_count <= passkey.sign_count:
            if not passkey.clone_suspected:
                self._suspect_clone(passkey_id, sign_count)
            return False
        self._use(passkey_id, sign_count, challenge_hash)
        return True

    def remove(self, passkey_id: UUID) -> None:
        """Raises: PasskeyNotFound."""
        if passkey_id not in self.live:
            raise PasskeyNotFound
        self._remove(passkey_id)

    @event(Registered)
    def _register(
        self,
        passkey_id: UUID,
        credential_id: str,
        public_key: str,
        name: str,
        sign_count: int,
        synced: bool,
        timestamp: datetime = UNRECORDED,
    ) -> None:
        self.ever.add(passkey_id)
        self.live[passkey_id] = Passkey(passkey_id, credential_id, public_key, name, sign_count, synced, timestamp)

    @event(Used)
    def _use(self, passkey_id: UUID, sign_count: int, challenge_hash: str, timestamp: datetime = UNRECORDED) -> None:
        self.spent_challenges.add(challenge_hash)
        passkey = self.live[passkey_id]
        passkey.sign_count, passkey.last_used_at = sign_count, timestamp

    @event(CloneSuspected)
    def _suspect_clone(self, passkey_id: UUID, sign_count: int) -> None:
        self.live[passkey_id].clone_suspected = True

    @event(Removed)
    def _remove(self, passkey_id: UUID) -> None:
        del self.live[passkey_id]
