"""The routes that change books and what is in them, and what they work with."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from aiohttp import web
from uuid_utils.compat import uuid7

from eventstore.keys import MasterKey
from eventstore.settings import Settings
from eventstore.store import EventStore
from ledger.commands.deciding import FindUser, Ledger
from ledger.http import books, entries, imports, members, shares
from ledger.http.imports import UPLOADS
from ledger.http.requests import CLOCK, LEDGER, OPERATION_SECRET, PUBLIC_URL, TIME_ZONE

__all__ = ["UPLOADS", "provide", "routes"]


def provide(
    app: web.Application,
    settings: Settings,
    store: EventStore,
    master_key: MasterKey,
    clock: Callable[[], datetime],
    find_user: FindUser,
) -> None:
    """Set what the routes work with, but for what the other packages do for them."""
    app[LEDGER] = Ledger(store, uuid7, clock, find_user, master_key.derive("secrets of operations"))
    app[OPERATION_SECRET] = master_key.derive("idempotency keys")
    app[CLOCK], app[TIME_ZONE] = clock, ZoneInfo(settings.time_zone)
    app[PUBLIC_URL] = settings.client_url.rstrip("/")


def routes() -> list[web.RouteDef]:
    """All of them, in the order of the traffic."""
    return [*entries.routes(), *books.routes(), *imports.routes(), *members.routes(), *shares.routes()]
