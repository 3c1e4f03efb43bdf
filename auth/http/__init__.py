"""The routes of accounts and sessions."""

from aiohttp import web

from auth.http import accounts, api_tokens, factors, messages, oauth, sessions
from auth.http.oauth import FORMS

__all__ = ["FORMS", "routes"]


def routes() -> list[web.RouteDef]:
    """All of them, in the order of the traffic."""
    account = (*accounts.routes(), *factors.routes(), *messages.routes(), *api_tokens.routes())
    return [*sessions.routes(), *account, *oauth.routes()]
