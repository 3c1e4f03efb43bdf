"""Commands on registered services."""

import secrets
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from uuid_utils.compat import uuid7

from auth.clients import JOURNAL_ID, SECRET_BYTES, Client, Clients
from auth.commands.deciding import retrying
from eventstore.codec import Metadata
from eventstore.store import Change, EventStore

_log = structlog.get_logger("security")


@dataclass(frozen=True)
class Credentials:
    """What a service shows of itself; the secret is told once."""

    client_id: UUID
    secret: str = field(repr=False)


async def load_clients(store: EventStore) -> Clients:
    """All registered services."""
    return await store.load(JOURNAL_ID, Clients, JOURNAL_ID) or Clients(id=JOURNAL_ID)


async def add_client(store: EventStore, request_id: str, name: str) -> Credentials:
    """Register a service. Raises: ClientExists, TooManySignIns."""
    made = Credentials(uuid7(), secrets.token_urlsafe(SECRET_BYTES))

    async def attempt() -> None:
        clients = await load_clients(store)
        clients.add(made.client_id, name, made.secret)
        await store.append(Metadata(None, request_id), [Change(JOURNAL_ID, clients)])

    await retrying(attempt)
    _log.warning("service registered", client_id=made.client_id, request_id=request_id)
    return made


async def remove_client(store: EventStore, request_id: str, name: str) -> UUID:
    """Take a service, named by its name or id, off the register. Returns: its id.

    Raises: ClientNotFound, TooManySignIns.
    """

    async def attempt() -> UUID:
        clients = await load_clients(store)
        client_id = clients.remove(name)
        await store.append(Metadata(None, request_id), [Change(JOURNAL_ID, clients)])
        return client_id

    client_id = await retrying(attempt)
    _log.warning("service removed", client_id=client_id, request_id=request_id)
    return client_id


async def find_client(store: EventStore, client_id: str, secret: str) -> Client | None:
    """Look for the service with these credentials."""
    return (await load_clients(store)).find(_uuid(client_id), secret)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
