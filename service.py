"""gagyebu: the composition root and the command line; from here any behaviour is one click away."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

import aiohttp
import asyncpg
import click
import orjson
import structlog
import uvloop
from aiohttp import web
from aiohttp.typedefs import Handler
from environs import Env, EnvError, EnvValidationError
from marshmallow import ValidationError, validate
from uuid_utils.compat import uuid7

import auth.cli
import auth.cli_users
import auth.errors
import auth.http
import auth.http.requests as auth_requests
import eventstore.cli
import ledger.errors
import ledger.http
import ledger.http.requests as ledger_requests
import projections.cli
import projections.http
from auth.addresses import Network
from auth.ceremonies import Ceremonies
from auth.commands.api_tokens import ApiTokens
from auth.commands.bearer import BearerTokens
from auth.commands.deciding import Auth, find_user
from auth.commands.delivery import Channel, Delivery
from auth.commands.erasure import WholeAccounts
from auth.commands.keys import KeyFollower, open_keys, token_keys
from auth.commands.refusals import Refusals
from auth.edge import edge
from auth.later import Later
from auth.mail import FolderMail, SmtpMail
from auth.message import MAIL, PHONE
from auth.middleware import PRINCIPAL, REQUEST_ID, authenticate, authentication, public
from auth.passwords import Passwords, owasp_hasher
from auth.phone import WebhookPhone
from auth.throttle import Throttle
from auth.tokens import AccessTokens
from eventstore.codec import Metadata
from eventstore.database import Database, open_database
from eventstore.embedded import EmbeddedPostgresError, default_data_dir, embedded_postgres, reached_postgres
from eventstore.errors import JournalNotWritable, SchemaOutdated, StoreError, StoreUnavailable
from eventstore.keys import Keyring, MasterKey
from eventstore.migrate import destroy_keys_brought_back, migrate, require_migrated
from eventstore.store import Change, EventStore
from ledger.answers import answer, answer_plain, require_match
from ledger.commands.deciding import Ledger
from ledger.commands.members import part_with
from ledger.http.requests import Reads
from ledger.problems import problem_of, problem_page
from projections.api_tokens import API_TOKENS, count_api_tokens, list_api_token_ids
from projections.books import BOOKS, get_book, list_closings, list_members, list_memberships
from projections.cli_replay import replay_command
from projections.denylist import DENYLIST, Denylist
from projections.engine import Engine, ReadModel
from projections.entries import ENTRIES
from projections.exports import Exports
from projections.moments import Moment
from projections.outbox import OUTBOX, Outbox
from projections.past_books import get_book_at
from projections.poison import ProjectionStopped, count_poisoned
from projections.projector import Projector
from projections.rebuild import NewVersionStops, Note, Progress, Rebuilding, rebuild
from projections.schema import create_read_models, find_outdated
from projections.sessions import SESSIONS, list_session_ids
from projections.shares import SHARES
from projections.signing_keys import key_sweep
from projections.spending import SPENDING
from projections.statements import STATEMENTS
from projections.totals import TOTALS
from projections.users import USERS, list_accounts

FIRST_KEY: Final = "access token signing"
"""What the first key that signs access tokens is derived for."""
READ_MODELS: Final = (
    BOOKS,
    ENTRIES,
    TOTALS,
    STATEMENTS,
    SPENDING,
    SHARES,
    USERS,
    SESSIONS,
    API_TOKENS,
    DENYLIST,
    OUTBOX,
)
SPARE_KEY: Final = "access token signing without a journal"
"""What signs where their journal came without its data key."""
BODY_BYTES_MAX: Final = 1024**2
STOP_SECONDS_MAX: Final = 10
WORKERS_MAX: Final = 64
WORKER_RESTART_SECONDS: Final = 0.5
LOG_LEVELS: Final = ("debug", "info", "warning", "error", "critical")

DATABASE: Final = web.AppKey("database", Database)
PROJECTOR: Final = web.AppKey("projector", Projector)

_log = structlog.get_logger("service")

Result = TypeVar("Result")
Embedded = Callable[[Path], AbstractAsyncContextManager[str]]
"""Opens the embedded PostgreSQL of a data directory: as the one who runs it, or beside it."""


@dataclass(frozen=True)
class Settings:
    """Everything that can be set; read from the environment once, flags of the command line go over it."""

    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    data_dir: Path = field(default_factory=default_data_dir)
    database_url: str = field(default="", repr=False)
    migrate_database_url: str = field(default="", repr=False)
    master_key: str = field(default="", repr=False)
    pool_size_max: int = 10
    projector: bool = True
    public_url: str = "http://127.0.0.1:8080"
    cors_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[Network, ...] = ()
    time_zone: str = "Asia/Seoul"
    log_level: str = "info"
    smtp_url: str = field(default="", repr=False)
    mail_from: str = ""
    sms_webhook_url: str = field(default="", repr=False)
    sms_webhook_secret: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read GAGYEBU_*. Raises: environs.EnvError."""
        env = Env(prefix="GAGYEBU_")
        return cls(
            host=env.str("HOST", cls.host),
            port=env.int("PORT", cls.port, validate=validate.Range(0, 65_535)),
            workers=env.int("WORKERS", cls.workers, validate=validate.Range(1, WORKERS_MAX)),
            data_dir=env.path("DATA_DIR", default_data_dir()),
            database_url=env.str("DATABASE_URL", ""),
            migrate_database_url=env.str("MIGRATE_DATABASE_URL", ""),
            master_key=env.str("MASTER_KEY", ""),
            pool_size_max=env.int("POOL_SIZE_MAX", cls.pool_size_max, validate=validate.Range(1)),
            projector=env.bool("PROJECTOR", cls.projector),
            public_url=env.str("PUBLIC_URL", cls.public_url),
            cors_origins=tuple(env.list("CORS_ORIGINS", [])),
            trusted_proxies=tuple(map(_network, env.list("TRUSTED_PROXIES", []))),
            time_zone=env.str("TIME_ZONE", cls.time_zone, validate=_require_time_zone),
            log_level=env.str("LOG_LEVEL", cls.log_level, validate=validate.OneOf(LOG_LEVELS)),
            smtp_url=env.str("SMTP_URL", ""),
            mail_from=env.str("MAIL_FROM", ""),
            sms_webhook_url=env.str("SMS_WEBHOOK_URL", ""),
            sms_webhook_secret=env.str("SMS_WEBHOOK_SECRET", ""),
        )


def _network(text: str) -> Network:
    """Raises: EnvValidationError."""
    try:
        return ip_network(text.strip())
    except ValueError as error:
        message = f"GAGYEBU_TRUSTED_PROXIES: {error}"
        raise EnvValidationError(message, [message]) from None


def _require_time_zone(name: str) -> None:
    """Raises: ValidationError."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValidationError("This is no IANA time zone such as Asia/Seoul.") from None


# Every error that a client may meet, the statuses that it is answered with.
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


@web.middleware
async def attribute(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell the ledger who acts; it knows nothing of sessions and tokens."""
    principal = request.get(PRINCIPAL)
    books = principal.grant.books if principal and principal.grant else None
    if books is not None:
        _require_book(request, books)
    user_id = principal.user_id if principal else None
    request[ledger_requests.METADATA] = Metadata(user_id, request[REQUEST_ID], writable=books)
    return await handler(request)


def _require_book(request: web.Request, books: frozenset[UUID]) -> None:
    """A token for some books is for the routes of one book, and finds no other.

    Raises: InsufficientScope, BookNotFound.
    """
    if "book" not in request.match_info:
        raise auth.errors.InsufficientScope
    if ledger_requests.book_id(request) not in books:
        raise ledger.errors.BookNotFound


@public
async def show_alive(_request: web.Request) -> web.Response:
    return answer_plain({"status": "ok"})


@public
async def show_ready(request: web.Request) -> web.Response:
    """Ready means: the database answers. A projector that lags, or stopped somewhere, is shown, and stops no others."""
    poisoned = await count_poisoned(request.app[DATABASE])
    projector = {"lag_seconds": round(request.app[PROJECTOR].lag_seconds, 3), "poisoned": poisoned}
    return answer_plain({"status": "degraded" if poisoned else "ok", "database": "ok", "projector": projector})


@public
async def show_problem(request: web.Request) -> web.Response:
    return problem_page(request.match_info["slug"], STATUSES)


@asynccontextmanager
async def running(run: Callable[[str], Awaitable[None]], dsn: str) -> AsyncIterator[None]:
    """Run something in the background for as long as the context lasts."""
    task = asyncio.create_task(_never_silent(run, dsn))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _never_silent(run: Callable[[str], Awaitable[None]], dsn: str) -> None:
    try:
        await run(dsn)
    except Exception:
        _log.exception("a background task ended")
        raise


@asynccontextmanager
async def open_app(settings: Settings, dsn: str) -> AsyncIterator[web.Application]:
    """Build everything, in the order in which it depends on each other, and take it down again.

    Raises: StoreError.
    """
    master_key = await asyncio.to_thread(_master_key, settings)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(dsn, settings.pool_size_max))
        keyring = Keyring(master_key)
        engine, passwords = Engine(database, keyring, READ_MODELS), Passwords(owasp_hasher())
        await _begin(database, engine)
        store = EventStore(database, keyring)
        stack.push_async_callback(store.close)
        stack.callback(passwords.close)
        throttle, refusals = Throttle(database, master_key.derive("throttle")), Refusals(store, now)
        stack.push_async_callback(refusals.close)
        await stack.enter_async_context(running(lambda _dsn: throttle.run(), dsn))
        keys = await open_keys(store, master_key.derive(FIRST_KEY), str(uuid7()))
        spare_seed = master_key.derive(SPARE_KEY)
        tokens = AccessTokens(token_keys(keys, spare_seed), settings.public_url, settings.public_url, uuid7, now)
        follower = KeyFollower(store, tokens, keys.version, spare_seed)
        bearer = BearerTokens(tokens, ApiTokens(store, now), follower)
        denylist, projector, later = Denylist(engine, key_sweep(follower.note_version)), Projector(engine), Later()
        await stack.enter_async_context(running(denylist.run, dsn))
        await stack.enter_async_context(later.working())
        if settings.projector:
            await stack.enter_async_context(running(projector.run, dsn))
            await stack.enter_async_context(sending(settings, dsn, store, engine, master_key))

        door = edge(
            frozenset(settings.cors_origins),
            lambda error, request_id: problem_of(error, STATUSES, request_id),
            ledger.http.UPLOADS | auth.http.FORMS,
        )
        middlewares = [door, authentication(bearer, denylist), attribute]
        app = web.Application(middlewares=middlewares, client_max_size=BODY_BYTES_MAX)
        app[DATABASE], app[PROJECTOR], app[projections.http.ENGINE] = database, projector, engine
        app[projections.http.EXPORTS] = Exports(engine)
        identity = app[auth_requests.AUTH] = Auth(
            store,
            passwords,
            tokens,
            throttle,
            refusals,
            master_key.derive("e-mail pepper"),
            master_key.derive("refresh token rotation"),
            uuid7,
            now,
            Ceremonies(settings.public_url, master_key.derive("passkey challenges"), now),
            master_key.derive("mailed links"),
            partial(list_session_ids, engine),
            can_text=bool(settings.sms_webhook_url),
        )
        app[auth_requests.ACCOUNTS] = whole_accounts(store, engine, identity.pepper)
        app[auth_requests.TRUSTED_PROXIES] = settings.trusted_proxies
        app[auth_requests.CATCH_UP], app[auth_requests.TODAY] = denylist.catch_up, ledger_requests.today
        app[auth_requests.LANGUAGE], app[auth_requests.LATER] = ledger_requests.preferred_language, later
        app[auth_requests.RESOURCES] = auth_requests.Resources(answer, require_match)
        app[auth_requests.MAIL_IS_SET_UP] = bool(settings.smtp_url)
        app[auth_requests.BEARER] = bearer
        app[auth_requests.AUTHENTICATE] = lambda header: authenticate(header, bearer, denylist)
        app[auth_requests.OPERATION] = ledger_requests.operation_of
        app[auth_requests.COUNT_API_TOKENS] = lambda user_id: count_api_tokens(engine, user_id, now())

        async def find_email(user_id: UUID) -> str:
            return (await find_user(identity, user_id)).email

        app[ledger_requests.LEDGER] = Ledger(store, uuid7, now, find_email, master_key.derive("secrets of operations"))
        app[ledger_requests.OPERATION_SECRET] = master_key.derive("idempotency keys")
        app[ledger_requests.CLOCK], app[ledger_requests.TIME_ZONE] = now, ZoneInfo(settings.time_zone)
        app[ledger_requests.PUBLIC_URL] = settings.public_url.rstrip("/")
        app[ledger_requests.CATCH_UP] = engine.catch_up
        app[ledger_requests.READS] = Reads(
            partial(get_book, engine),
            lambda user_id, book_id, position: get_book_at(engine, user_id, book_id, Moment(position)),
            partial(list_members, engine),
            partial(list_closings, engine),
        )
        app.on_response_prepare.append(projections.http.seclude)
        add_routes(app)
        yield app


async def _begin(database: Database, engine: Engine) -> None:
    """Have read models that stopped tried again, once all is of this version. Raises: SchemaOutdated."""
    async with database.transaction() as transaction:
        await require_migrated(transaction)
        outdated = await find_outdated(transaction, READ_MODELS)
    if outdated:
        raise SchemaOutdated([model.name for model in outdated])
    await engine.retry_stopped()


def whole_accounts(store: EventStore, engine: Engine, pepper: bytes) -> WholeAccounts:
    """What erases accounts, with all that belongs to them."""

    async def part_with_books(user_id: UUID) -> Sequence[Change]:
        return await part_with(store, user_id, await list_memberships(engine, user_id))

    return WholeAccounts(
        store,
        pepper,
        partial(list_session_ids, engine),
        lambda user_id: list_api_token_ids(engine, user_id, now()),
        part_with_books,
        engine.catch_up,
    )


@asynccontextmanager
async def sending(
    settings: Settings, dsn: str, store: EventStore, engine: Engine, master_key: MasterKey
) -> AsyncIterator[None]:
    """Send mail and texts in the background for as long as the context lasts. Raises: click.UsageError."""
    async with aiohttp.ClientSession() as client:
        delivery = Delivery(
            store, _channels(settings, client), master_key.derive("mailed links"), settings.public_url, now
        )
        async with running(Outbox(engine, delivery.deliver).run, dsn):
            yield


def _channels(settings: Settings, client: aiohttp.ClientSession) -> dict[str, Channel]:
    """The ways to users that are set; mail goes into a folder where it has no other way. Raises: click.UsageError."""
    sender = settings.mail_from or f"gagyebu@{urlsplit(settings.public_url).hostname}"
    channels: dict[str, Channel] = {MAIL: FolderMail(settings.data_dir / "mail", sender)}
    try:
        if settings.smtp_url:
            channels[MAIL] = SmtpMail(settings.smtp_url, sender)
        if settings.sms_webhook_url:
            channels[PHONE] = WebhookPhone(client, settings.sms_webhook_url, settings.sms_webhook_secret, now)
    except ValueError as error:
        raise click.UsageError(f"GAGYEBU_SMTP_URL, GAGYEBU_SMS_WEBHOOK_URL and its _SECRET: {error}.") from None
    return channels


def add_routes(app: web.Application) -> None:
    """Add all routes, those of one path together: the router then matches a path once, in the order of traffic."""
    own = [
        web.get("/livez", show_alive),
        web.get("/readyz", show_ready),
        web.get("/problems/{slug}", show_problem),
    ]
    routes: list[web.RouteDef] = [*ledger.http.routes(), *projections.http.routes(), *auth.http.routes(), *own]
    paths = list(dict.fromkeys(route.path for route in routes))
    routes.sort(key=lambda route: paths.index(route.path))
    app.add_routes(routes)


def now() -> datetime:
    return datetime.now(UTC)


def _master_key(settings: Settings) -> MasterKey:
    """Raises: click.UsageError."""
    try:
        if settings.master_key:
            return MasterKey.from_text(settings.master_key)
        if settings.database_url or settings.migrate_database_url:
            raise click.UsageError(
                "With a database of your own, GAGYEBU_MASTER_KEY must be set, and kept: `openssl rand -base64 32`."
            )
        return MasterKey.kept_in(settings.data_dir / "master.key")
    except ValueError as error:
        raise click.UsageError(f"GAGYEBU_MASTER_KEY: {error}") from None


async def migrate_database(dsn: str, settings: Settings | None = None) -> list[str]:
    """Bring schema and read models up to date, safe when many do so at once.

    Read models of another code version are rebuilt beside what is read, for which the settings are needed.
    Returns: what was done. Raises: StoreError.
    """
    done, outdated = await _migrate(dsn)
    if outdated:
        if settings is None:
            raise SchemaOutdated([model.name for model in outdated])
        await _rebuild_outdated(settings, dsn, outdated)
    return done + [model.name for model in outdated]


async def _migrate(dsn: str) -> tuple[list[str], list[ReadModel]]:
    """Bring the schema up to date. Returns: what was done, and the read models of another code version."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            done = await migrate(connection)
            erased = await destroy_keys_brought_back(connection)
            done += await create_read_models(connection, READ_MODELS, erased)
            done += [f"{len(erased)} keys of erased journals destroyed again"] if erased else []
        return done, await find_outdated(connection, READ_MODELS)
    finally:
        await connection.close()


async def _rebuild_outdated(settings: Settings, dsn: str, outdated: Sequence[ReadModel]) -> None:
    async with open_rebuilding(settings, dsn, os.cpu_count() or 1, _log_progress) as tools:
        for model in outdated:
            report = await rebuild(tools, model, wait=True)
            if not report["swapped"]:
                raise NewVersionStops(model.name)


@asynccontextmanager
async def open_rebuilding(settings: Settings, dsn: str, jobs: int, note: Note) -> AsyncIterator[Rebuilding]:
    """What rebuilds are made with; `dsn`: of the owner of the schema."""
    async with _administration(settings, dsn) as admin:
        yield admin.rebuilding(jobs, note)


def _log_progress(progress: Progress) -> None:
    if progress.state != "filling" or progress.done == progress.total:
        _log.info("rebuilding", read_model=progress.name, state=progress.state)


@asynccontextmanager
async def open_dsn(
    settings: Settings, embedded: Embedded = embedded_postgres, *, rebuild_outdated: bool = True
) -> AsyncIterator[str]:
    """The database that is set, or the embedded one, migrated."""
    if settings.database_url:
        yield settings.database_url
        return
    async with embedded(settings.data_dir) as dsn:
        await (migrate_database(dsn, settings) if rebuild_outdated else _migrate(dsn))
        yield dsn


async def serve(settings: Settings, *, reuse_port: bool) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = _stop_event()
    if reuse_port:
        _stop_with_supervisor(stop)
    async with open_dsn(settings) as dsn:
        if settings.workers > 1:
            async with open_app(replace(settings, projector=False), dsn):
                pass  # what no worker could do fails here, once, and not in each of them again and again
            await _supervise(settings, dsn, stop)
            return
        async with open_app(settings, dsn) as app:
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_SECONDS_MAX)
            await runner.setup()
            try:
                site = web.TCPSite(runner, settings.host, settings.port, reuse_port=reuse_port)
                await site.start()
                _say_ready(settings, runner.addresses[0][1])
                gc.freeze()  # what is there now stays: collecting need not look at it again and again
                await stop.wait()
            finally:
                await runner.cleanup()


async def _supervise(settings: Settings, dsn: str, stop: asyncio.Event) -> None:
    """Run the workers behind one port, each a process; one that ends by itself is started again."""
    with _reserved_port(settings) as port:
        waiting_for = set(range(settings.workers))

        def note_ready(number: int) -> None:
            if number in waiting_for:
                waiting_for.remove(number)
                if not waiting_for:
                    _say_ready(settings, port)

        workers = [
            asyncio.create_task(_keep_worker(settings, dsn, port, number, partial(note_ready, number)))
            for number in range(settings.workers)
        ]
        try:
            await stop.wait()
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


async def _keep_worker(settings: Settings, dsn: str, port: int, number: int, on_ready: Callable[[], None]) -> None:
    environment = {
        **os.environ,
        "GAGYEBU_HOST": settings.host,
        "GAGYEBU_PORT": str(port),
        "GAGYEBU_WORKERS": "1",
        "GAGYEBU_DATABASE_URL": dsn,
        "GAGYEBU_MASTER_KEY": _master_key(settings).text,
        "GAGYEBU_PROJECTOR": str(settings.projector and number == 0),
    }
    while True:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "service", "serve", "--reuse-port"),
            env=environment,
            stdin=asyncio.subprocess.PIPE,  # ends when we do, however that happens
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us; we tell the workers
        )
        try:
            if process.stdout and await process.stdout.readline():
                on_ready()
            code = await process.wait()
            _log.error("a worker ended by itself, starting another", worker=number, exit_code=code)
            await asyncio.sleep(WORKER_RESTART_SECONDS)
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()


@contextlib.contextmanager
def _reserved_port(settings: Settings) -> Iterator[int]:
    """Hold the port that the workers share, so that port 0 picks one for all."""
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((settings.host, settings.port))
        yield held.getsockname()[1]


def _stop_event() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _stop_with_supervisor(stop: asyncio.Event) -> None:
    """A worker's input ends with its supervisor, also with one that was killed."""
    loop, stdin = asyncio.get_running_loop(), sys.stdin.fileno()

    def hear_end() -> None:
        loop.remove_reader(stdin)
        stop.set()

    loop.add_reader(stdin, hear_end)


def _say_ready(settings: Settings, port: int) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    click.echo(f"ready on http://{host}:{port}")
    place = "the database that GAGYEBU_DATABASE_URL names" if settings.database_url else settings.data_dir
    click.echo(f"data in {place}; stop with Ctrl-C or SIGTERM")


async def project(settings: Settings) -> None:
    """Run a projector alone until SIGTERM or SIGINT."""
    stop = _stop_event()
    dsn, master_key = settings.database_url, _master_key(settings)
    keyring = Keyring(master_key)
    async with open_database(dsn, settings.pool_size_max) as database:
        engine, store = Engine(database, keyring, READ_MODELS), EventStore(database, keyring)
        await engine.retry_stopped()
        async with running(Projector(engine).run, dsn), sending(settings, dsn, store, engine, master_key):
            click.echo("projecting")
            await stop.wait()


def configure_logging(level: str) -> None:
    """One line per event on stderr: for people in a terminal, JSON otherwise."""
    if sys.stderr.isatty():
        level_and_time = [structlog.processors.add_log_level, structlog.processors.TimeStamper("iso", utc=True)]
        # Prettier tracebacks show local variables: passwords, tokens, memos.
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        processors: list[Any] = [*level_and_time, renderer]
        factory: Any = structlog.PrintLoggerFactory(sys.stderr)
    else:
        processors, factory = [_render_json], structlog.BytesLoggerFactory(sys.stderr.buffer)
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[_LibraryLog()], force=True)


def _render_json(logger: Any, method: str, line: dict[str, Any]) -> bytes:
    """All of structlog's usual steps in one, because every request takes them."""
    if line.get("exc_info"):
        structlog.processors.format_exc_info(logger, method, line)
    return orjson.dumps({"timestamp": now(), "level": method, **line}, default=str, option=orjson.OPT_UTC_Z)


class _LibraryLog(logging.Handler):
    """Puts what libraries have to say into our log."""

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        # Of its errors, aiohttp quotes the request that it could not read, secrets and all: only their kind is kept.
        exc_info = None if record.name == "aiohttp.server" else record.exc_info
        error = kind.__name__ if kind else None
        _log.log(record.levelno, record.getMessage(), library=record.name, error=error, exc_info=exc_info)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="gagyebu")
@click.pass_context
def main(context: click.Context) -> None:
    """The account book that you can trust with every won for decades.

    Every setting can also come from the environment, as GAGYEBU_HOST, GAGYEBU_DATABASE_URL and so on; see
    docs/settings.md.
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
@click.option("--reuse-port", is_flag=True, hidden=True)
@click.pass_obj
def serve_command(settings: Settings, /, reuse_port: bool, **flags: Any) -> None:
    """Serve the API; with its own PostgreSQL unless GAGYEBU_DATABASE_URL names one."""
    given = {name: value for name, value in flags.items() if value is not None}
    _run(serve(replace(settings, **given), reuse_port=reuse_port))


@main.command("migrate")
@click.pass_obj
def migrate_command(settings: Settings) -> None:
    """Bring the database up to this version; run it as the owner of the schema."""
    dsn = settings.migrate_database_url or settings.database_url
    if not dsn:
        raise click.UsageError("Set GAGYEBU_DATABASE_URL; the embedded PostgreSQL is migrated by `gagyebu serve`.")
    for name in _run(migrate_database(dsn, settings)) or ["nothing to do"]:
        click.echo(name)


@main.command("project")
@click.pass_obj
def project_command(settings: Settings) -> None:
    """Run a projector alone, beside services started with GAGYEBU_PROJECTOR=false; it also sends the mail."""
    if not settings.database_url:
        raise click.UsageError("Set GAGYEBU_DATABASE_URL; the embedded PostgreSQL has its projector in `serve`.")
    _run(project(settings))


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end; what can be expected to fail ends with a sentence and exit code 1."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)
    except (StoreError, EmbeddedPostgresError, OSError, asyncpg.PostgresError) as error:
        raise click.ClickException(str(error)) from None


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[tuple[EventStore, Engine, MasterKey]]:
    """The store for one command, beside services that run or not. Raises: StoreError, click.UsageError."""
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(open_dsn(settings, reached_postgres))
        master_key = _master_key(settings)
        database = await stack.enter_async_context(open_database(dsn, pool_size_max=1))
        keyring = Keyring(master_key)
        store = EventStore(database, keyring)
        stack.push_async_callback(store.close)
        yield store, Engine(database, keyring, READ_MODELS), master_key


@asynccontextmanager
async def open_administration(settings: Settings) -> AsyncIterator[auth.cli.Administration]:
    """What commands on keys and services work with. Raises: StoreError, click.UsageError."""
    async with open_store(settings) as (store, _, master_key):
        yield auth.cli.Administration(store, master_key.derive(FIRST_KEY), str(uuid7()), now)


@asynccontextmanager
async def open_projections(settings: Settings) -> AsyncIterator[projections.cli.Administration]:
    """The read models for one command, beside services that run or not. Raises: StoreError, click.UsageError."""
    async with AsyncExitStack() as stack:
        reached = open_dsn(settings, reached_postgres, rebuild_outdated=False)  # which may be what is to be done
        dsn = settings.migrate_database_url or await stack.enter_async_context(reached)
        yield await stack.enter_async_context(_administration(settings, dsn))


@asynccontextmanager
async def _administration(settings: Settings, dsn: str) -> AsyncIterator[projections.cli.Administration]:
    """`dsn`: of the owner of the schema."""
    master_key = _master_key(settings)
    keyring = Keyring(master_key)

    async def spawn(name: str) -> asyncio.subprocess.Process:
        environment = {
            **os.environ,
            "GAGYEBU_DATABASE_URL": dsn,
            "GAGYEBU_MIGRATE_DATABASE_URL": "",
            "GAGYEBU_MASTER_KEY": master_key.text,
        }
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "service", "projections", "work", name),
            env=environment,
            stdin=asyncio.subprocess.PIPE,  # ends when we do, however that happens
            start_new_session=True,  # Ctrl-C is for us
        )

    async with open_database(dsn, pool_size_max=2) as database:
        yield projections.cli.Administration(dsn, Engine(database, keyring, READ_MODELS), keyring, READ_MODELS, spawn)


@asynccontextmanager
async def open_reading(settings: Settings) -> AsyncIterator[Database]:
    """The database for one command that needs no key. Raises: StoreError."""
    async with open_dsn(settings, reached_postgres) as dsn, open_database(dsn, pool_size_max=1) as database:
        yield database


@asynccontextmanager
async def open_engine(settings: Settings) -> AsyncIterator[Engine]:
    """The read models for one command. Raises: StoreError, click.UsageError."""
    async with open_reading(settings) as database:
        yield Engine(database, Keyring(_master_key(settings)), READ_MODELS)


@asynccontextmanager
async def open_owner(settings: Settings) -> AsyncIterator[tuple[asyncpg.Connection, Keyring]]:
    """The database, migrated, for its owner. Raises: StoreError, click.UsageError."""
    keyring = Keyring(_master_key(settings))
    async with open_dsn(settings, reached_postgres) as dsn:
        owner = settings.migrate_database_url or dsn
        await migrate_database(owner, settings)
        connection = await asyncpg.connect(owner)
        try:
            yield connection, keyring
        finally:
            await connection.close()


@asynccontextmanager
async def open_user_administration(settings: Settings) -> AsyncIterator[auth.cli_users.UserAdministration]:
    """What commands on users work with. Raises: StoreError, click.UsageError, ClickException."""
    async with open_store(settings) as (store, engine, master_key):
        accounts = whole_accounts(store, engine, master_key.derive("e-mail pepper"))
        try:
            yield auth.cli_users.UserAdministration(accounts, str(uuid7()), partial(list_accounts, engine))
        except ledger.errors.BooksShared as error:
            raise click.ClickException(str(error)) from None


main.add_command(auth.cli.keys_group(open_administration, _run))
main.add_command(auth.cli.service_group(open_administration, _run))
main.add_command(projections.cli.projections_group(open_projections, _run, os.cpu_count() or 1))
main.add_command(eventstore.cli.journal_group(open_reading, open_owner, _run))
main.add_command(replay_command(open_engine, _run))
main.add_command(auth.cli_users.user_group(open_user_administration, _run))

if __name__ == "__main__":
    main(prog_name="gagyebu")
