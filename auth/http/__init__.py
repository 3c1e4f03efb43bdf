"""The routes of accounts and sessions, and what they work with."""

from aiohttp import web

from auth.http import accounts, api_tokens, factors, messages, oauth, sessions
from auth.http.oauth import FORMS
from auth.http.requests import AUTH, BEARER, LATER, MAIL_IS_SET_UP, TRUSTED_PROXIES
from auth.opening import Identity
from eventstore.settings import Settings

__all__ = ["FORMS", "provide", "routes"]


def provide(app: web.Application, settings: Settings, identity: Identity) -> None:
    """Set what the routes work with, but for what the other packages do for them."""
    app[AUTH], app[BEARER], app[LATER] = identity.auth, identity.bearer, identity.later
    app[MAIL_IS_SET_UP], app[TRUSTED_PROXIES] = bool(settings.smtp_url), settings.trusted_proxies
    app.on_response_prepare.append(sessions.deprecate)


def routes() -> list[web.RouteDef]:
    """All of them, in the order of the traffic."""
    account = (*accounts.routes(), *factors.routes(), *messages.routes(), *api_tokens.routes())
    return [*sessions.routes(), *account, *oauth.routes()]
