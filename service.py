"""gagyebu: the composition root and the command line; from here any behaviour is one click away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
from aiohttp import web
from environs import EnvError

import auth.cli
import auth.cli_users
import auth.errors
import auth.http
import eventstore.cli
import ledger.errors
import ledger.http
import projections.cli
import projections.cli_replay
import projections.web
from auth.edge import edge, media_types
from auth.http import requests
from auth.middleware import actor_of, authenticate, authentication, public
from auth.opening import open_identity
from auth.serving import Runner
from eventstore.collector import spare_collector
from eventstore.errors import JournalNotWritable, StoreUnavailable
from eventstore.logs import configure_logging
from eventstore.processes import run, running, stop_event, when_parent_ends
from eventstore.settings import WORKERS_MAX, Settings, master_key_of
from eventstore.workers import say_ready, supervise
from ledger.answers import answer, require_match, require_untagged
from ledger.http.attribution import attribution
from ledger.http.requests import operation_of, preferred_language, today
from ledger.problems import problem_of, problem_page
from projections.accounts import open_key_administration, open_user_administration, whole_accounts
from projections.denylist import Denylist
from projections.migrate import migrate_database
from projections.opening import open_dsn, open_owner, open_reading, open_storage
from projections.poison import ProjectionStopped
from projections.projecting import project, projecting
from projections.projector import Projector
from projections.sessions import list_session_ids
from projections.signing_keys import key_sweep

BODY_BYTES_MAX: Final = 1024**2
STOP_SECONDS_MAX: Final = 10


@asynccontextmanager
async def open_app(settings: Settings, dsn: str) -> AsyncIterator[web.Application]:
    """Build everything, in the order in which it depends on each other, and take it down again. Raises: StoreError."""
    master_key = await asyncio.to_thread(master_key_of, settings)
    async with AsyncExitStack() as stack:
        storage = await stack.enter_async_context(open_storage(dsn, master_key, settings.pool_size_max))
        await storage.begin()
        store, engine, sessions = storage.store, storage.engine, partial(list_session_ids, storage.engine)
        opening = open_identity(settings, storage.database, store, master_key, now, sessions)
        identity = await stack.enter_async_context(opening)
        denylist, projector = Denylist(engine, key_sweep(identity.follower.note_version)), Projector(engine)
        await stack.enter_async_context(running(denylist.run(dsn)))
        if settings.projector:
            await stack.enter_async_context(projecting(settings, storage, projector, now))

        door = edge(frozenset(settings.cors_origins), answer_error)
        types = media_types(ledger.http.UPLOADS | auth.http.FORMS)
        middlewares = [door, authentication(identity.bearer, denylist), types, attribution(actor_of)]
        app = web.Application(middlewares=middlewares, client_max_size=BODY_BYTES_MAX)
        ledger.http.provide(app, settings, store, master_key, now, identity.find_user)
        auth.http.provide(app, settings, identity)
        projections.web.provide(app, storage, projector, denylist)
        app[requests.ACCOUNTS] = whole_accounts(storage, now)
        app[requests.AUTHENTICATE] = lambda header: authenticate(header, identity.bearer, denylist)
        app[requests.OPERATION], app[requests.TODAY], app[requests.LANGUAGE] = operation_of, today, preferred_language
        app[requests.RESOURCES] = requests.Resources(answer, require_match, require_untagged)
        add_routes(app)
        yield app


def now() -> datetime:
    return datetime.now(UTC)


@public
async def show_problem(request: web.Request) -> web.Response:
    return problem_page(request.match_info["slug"], STATUSES)


def add_routes(app: web.Application) -> None:
    """Add all routes, those of one path together: the router then matches a path once, in the order of traffic."""
    routes = [*ledger.http.routes(), *projections.web.routes(), *auth.http.routes()]
    paths = list(dict.fromkeys(route.path for route in routes))
    routes.sort(key=lambda route: paths.index(route.path))
    app.add_routes([*routes, web.get("/problems/{slug}", show_problem)])


# Every error that a client may meet, and the status that it is answered with.
STATUSES: Final[dict[type[Exception], int]] = {
    auth.errors.Unauthenticated: 401,
    auth.errors.InvalidCredentials: 401,
    auth.errors.InvalidRefreshToken: 401,
    auth.errors.OtpRequired: 401,
    auth.errors.InvalidPasskey: 401,
    auth.errors.PasskeyNotFound: 404,
    auth.errors.EmailTaken: 409,
    ledger.errors.BooksShared: 409,
    auth.errors.TotpEnabled: 409,
    auth.errors.TotpNotEnrolled: 409,
    auth.errors.TotpNotEnabled: 409,
    auth.errors.TooManyPasskeys: 409,
    auth.errors.UnusablePasskey: 422,
    auth.errors.WeakPassword: 422,
    auth.errors.IdempotencyKeyReused: 422,
    auth.errors.TooManyAttempts: 429,
    auth.errors.InsufficientScope: 403,
    auth.errors.ApiTokenNotFound: 404,
    auth.errors.TooManyApiTokens: 409,
    auth.errors.TooManySignIns: 503,
    auth.errors.WrongPassword: 403,
    auth.errors.SessionNotFound: 404,
    auth.errors.EmailVerifiedBefore: 409,
    auth.errors.LinkInvalid: 410,
    auth.errors.UserChanged: 412,
    auth.errors.TooManyMessages: 429,
    ledger.errors.InvalidField: 422,
    ledger.errors.NotPermitted: 403,
    ledger.errors.BookNotFound: 404,
    ledger.errors.EntryNotFound: 404,
    ledger.errors.CategoryNotFound: 404,
    ledger.errors.BatchNotFound: 404,
    ledger.errors.BatchReverted: 409,
    ledger.errors.BookDeleted: 409,
    ledger.errors.BookNotDeleted: 409,
    ledger.errors.EntryDeleted: 409,
    ledger.errors.EntryNotDeleted: 409,
    ledger.errors.CategoryDeleted: 409,
    ledger.errors.CategoryNotDeleted: 409,
    ledger.errors.CategoryExists: 409,
    ledger.errors.TooManyCategories: 409,
    ledger.errors.MemberNotFound: 404,
    ledger.errors.AlreadyMember: 409,
    ledger.errors.OwnerMustStay: 403,
    ledger.errors.TooManyMembers: 409,
    ledger.errors.InvitationNotFound: 404,
    ledger.errors.InvitationGone: 410,
    ledger.errors.PeriodClosed: 409,
    ledger.errors.AlreadyClosed: 409,
    ledger.errors.ClosingNotFound: 404,
    ledger.errors.ShareNotFound: 404,
    ledger.errors.ShareGone: 410,
    ledger.errors.ShareRevoked: 409,
    ledger.errors.TooManyChanges: 422,
    ledger.errors.IdempotencyKeyReused: 422,
    ledger.errors.MemberChanged: 412,
    ledger.errors.BookChanged: 412,
    ledger.errors.CategoryChanged: 412,
    ledger.errors.EntryChanged: 412,
    ledger.errors.TooBusy: 503,
    JournalNotWritable: 403,
    ProjectionStopped: 503,
    StoreUnavailable: 503,
}
answer_error: Final = partial(problem_of, statuses=STATUSES)


async def serve(settings: Settings, *, is_worker: bool) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = stop_event()
    if is_worker:
        when_parent_ends(stop.set)
    async with open_dsn(settings) as dsn:
        if settings.workers > 1:
            async with open_app(replace(settings, projector=False), dsn):
                pass  # what no worker could do fails here, once, and not in each of them again and again
            await supervise(settings, dsn, stop)
            return
        async with open_app(settings, dsn) as app:
            runner = Runner(app, answer_error, shutdown_timeout=STOP_SECONDS_MAX)
            await runner.setup()
            try:
                await web.TCPSite(runner, settings.host, settings.port, reuse_port=is_worker).start()
                say_ready(settings, runner.addresses[0][1])
                spare_collector()
                await stop.wait()
            finally:
                await runner.cleanup()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="gagyebu")
@click.pass_context
def main(context: click.Context) -> None:
    """The account book that you can trust with every won for decades.

    Every setting can also come from the environment, as GAGYEBU_HOST and so on; see docs/settings.md.
    """
    try:
        context.obj = Settings.from_environment()
    except EnvError as error:
        raise click.UsageError(f"a setting cannot be read: {error}") from None
    configure_logging(context.obj.log_level)


@main.command("serve")
@click.option("--host", help="Address to listen on [default: 127.0.0.1].")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on, 0 for a free one [default: 8080].")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where the embedded PostgreSQL keeps its data.")
@click.option("--workers", type=click.IntRange(1, WORKERS_MAX), help="Processes behind the port [default: 1].")
@click.option("--reuse-port", "is_worker", is_flag=True, hidden=True)
@click.pass_obj
def serve_command(settings: Settings, /, is_worker: bool, **flags: Any) -> None:
    """Serve the API; with its own PostgreSQL unless GAGYEBU_DATABASE_URL names one."""
    given = {name: value for name, value in flags.items() if value is not None}
    run(serve(replace(settings, **given), is_worker=is_worker))


@main.command("migrate")
@click.pass_obj
def migrate_command(settings: Settings) -> None:
    """Bring the database up to this version; run it as the owner of the schema."""
    dsn = settings.migrate_database_url or settings.database_url
    if not dsn:
        raise click.UsageError("Set GAGYEBU_DATABASE_URL; the embedded PostgreSQL is migrated by `gagyebu serve`.")
    for name in run(migrate_database(dsn, settings)) or ["nothing to do"]:
        click.echo(name)


@main.command("project")
@click.pass_obj
def project_command(settings: Settings) -> None:
    """Run a projector alone, beside services started with GAGYEBU_PROJECTOR=false; it also sends the mail."""
    if not settings.database_url:
        raise click.UsageError("Set GAGYEBU_DATABASE_URL; the embedded PostgreSQL has its projector in `serve`.")
    run(project(settings, now))


main.add_command(auth.cli.keys_group(partial(open_key_administration, now)))
main.add_command(auth.cli.service_group(partial(open_key_administration, now)))
main.add_command(auth.cli_users.user_group(partial(open_user_administration, now)))
main.add_command(eventstore.cli.journal_group(open_reading, open_owner))
main.add_command(projections.cli.projections_group())
main.add_command(projections.cli_replay.replay)

if __name__ == "__main__":
    main(prog_name="gagyebu")
