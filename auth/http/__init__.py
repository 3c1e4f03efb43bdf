"""The routes of accounts and sessions."""

from aiohttp import web

from auth.http import accounts, api_tokens, oauth, sessions
from auth.http.oauth import FORMS

__all__ = ["FORMS", "routes"]


def routes() -> list[web.RouteDef]:
    """All of them, in the order of the traffic."""
    return [*sessions.routes(), *accounts.routes(), *oauth.routes(), *api_tokens.routes()]
