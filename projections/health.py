"""The routes that an operator's probes ask."""

from typing import Final

from aiohttp import web

from auth.middleware import public
from eventstore.database import Database
from ledger.answers import answer_plain
from projections.poison import count_poisoned
from projections.projector import Projector

DATABASE: Final = web.AppKey("database", Database)
PROJECTOR: Final = web.AppKey("projector", Projector)


@public
async def show_alive(_request: web.Request) -> web.Response:
    return answer_plain({"status": "ok"})


@public
async def show_ready(request: web.Request) -> web.Response:
    """Ready means: the database answers. A projector that lags, or stopped somewhere, is shown, and stops no others."""
    poisoned = await count_poisoned(request.app[DATABASE])
    projector = {"lag_seconds": round(request.app[PROJECTOR].lag_seconds, 3), "poisoned": poisoned}
    return answer_plain({"status": "degraded" if poisoned else "ok", "database": "ok", "projector": projector})


def routes() -> list[web.RouteDef]:
    return [web.get("/livez", show_alive), web.get("/readyz", show_ready)]
