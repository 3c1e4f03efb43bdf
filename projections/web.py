"""All routes of the read side, what they work with, and what others take from it."""

from functools import partial

from aiohttp import web

from auth.http import requests as auth_requests
from ledger.http import requests as ledger_requests
from projections import health, http
from projections.api_tokens import count_api_tokens
from projections.books import get_book, get_member, list_closings
from projections.denylist import Denylist
from projections.engine import Engine
from projections.exports import Exports
from projections.moments import Moment
from projections.opening import Storage
from projections.past_books import get_book_at
from projections.projector import Projector


def routes() -> list[web.RouteDef]:
    """All of them, in the order of the traffic."""
    return [*http.routes(), *health.routes()]


def provide(app: web.Application, storage: Storage, projector: Projector, denylist: Denylist) -> None:
    """Set what the routes work with, and what the write sides show; the clock is the ledger's."""
    engine, clock = storage.engine, app[ledger_requests.CLOCK]
    app[health.DATABASE], app[health.PROJECTOR] = storage.database, projector
    app[http.ENGINE], app[http.EXPORTS] = engine, Exports(engine)
    app[ledger_requests.CATCH_UP], app[ledger_requests.READS] = engine.catch_up, _reads(engine)
    app[auth_requests.CATCH_UP], app[auth_requests.ANSWER_PASSKEYS] = denylist.catch_up, http.answer_passkeys
    app[auth_requests.COUNT_API_TOKENS] = lambda user_id: count_api_tokens(engine, user_id, clock())
    app.on_response_prepare.append(http.seclude)


def _reads(engine: Engine) -> ledger_requests.Reads:
    return ledger_requests.Reads(
        partial(get_book, engine),
        lambda user_id, book_id, position: get_book_at(engine, user_id, book_id, Moment(position)),
        partial(get_member, engine),
        partial(list_closings, engine),
    )
