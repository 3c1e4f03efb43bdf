"""The routes that change books and what is in them."""

from aiohttp import web

from ledger.http import books, entries, imports, members, shares
from ledger.http.imports import UPLOADS

__all__ = ["UPLOADS", "routes"]


def routes() -> list[web.RouteDef]:
    """All of them, in the order of the traffic."""
    return [*entries.routes(), *books.routes(), *imports.routes(), *members.routes(), *shares.routes()]
