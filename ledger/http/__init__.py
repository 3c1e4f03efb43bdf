"""The routes that change books and what is in them."""

from aiohttp import web

from ledger.http import books, entries, members, shares


def routes() -> list[web.RouteDef]:
    """All of them, in the order of the traffic."""
    return [*entries.routes(), *books.routes(), *members.routes(), *shares.routes()]
