"""The routes of accounts and sessions."""

from aiohttp import web

from auth.http import accounts, factors, messages, sessions


def routes() -> list[web.RouteDef]:
    """All of them, in the order of the traffic."""
    return [*sessions.routes(), *accounts.routes(), *factors.routes(), *messages.routes()]
