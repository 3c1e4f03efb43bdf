"""The registered services, which may ask what a token is worth and end its session (OAuth's clients)."""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from eventsourcing.domain import event

from auth.errors import ClientExists, ClientNotFound
from eventstore.aggregate import UNRECORDED, Aggregate, Created
from eventstore.ids import id_of

JOURNAL_ID: Final = id_of(hashlib.sha256(b"gagyebu registered services").digest())
"""One per deployment, whichever process is the first to begin it."""
SECRET_BYTES: Final = 32
NOBODYS_HASH: Final = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Client:
    """A registered service; of its secret only the hash is kept."""

    id: UUID
    name: str
    secret_hash: str = field(repr=False)
    added_at: datetime


class Clients(Aggregate):
    """All registered services of a deployment: few, and each has a name of its own."""

    TOPIC = "client"

    class Opened(Created):
        TOPIC = "client.opened"

    class Added(Aggregate.Event):
        TOPIC = "client.added"
        client_id: UUID
        name: str
        secret_hash: str = field(repr=False)

    class Removed(Aggregate.Event):
        TOPIC = "client.removed"
        client_id: UUID

    @event(Opened)
    def __init__(self, id: UUID) -> None:  # noqa: A002 - the library's name for it
        self.clients: dict[UUID, Client] = {}

    def add(self, client_id: UUID, name: str, secret: str) -> None:
        """Raises: ClientExists."""
        if any(client.name == name for client in self.clients.values()):
            raise ClientExists(name)
        self._add(client_id, name, hash_of(secret))

    def remove(self, name: str) -> UUID:
        """Remove the service of this name or id. Returns: its id. Raises: ClientNotFound."""
        for client in self.clients.values():
            if name in {client.name, str(client.id)}:
                self._remove(client.id)
                return client.id
        raise ClientNotFound(name)

    def find(self, client_id: UUID | None, secret: str) -> Client | None:
        """Look for the service with this id and secret; the comparison takes the same time, also for nobody's."""
        client = self.clients.get(client_id) if client_id else None
        matches = hmac.compare_digest(hash_of(secret), client.secret_hash if client else NOBODYS_HASH)
        return client if matches else None

    @event(Added)
    def _add(self, client_id: UUID, name: str, secret_hash: str, timestamp: datetime = UNRECORDED) -> None:
        self.clients[client_id] = Client(client_id, name, secret_hash, timestamp)

    @event(Removed)
    def _remove(self, client_id: UUID) -> None:
        del self.clients[client_id]


def hash_of(secret: str) -> str:
    """What is stored of a secret: 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
