"""The real service as a process of its own, and a client that knows what may happen to it."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from tests.fault.until import until

ROOT = Path(__file__).parents[2]
START_SECONDS_MAX = 40
STOP_SECONDS_MAX = 40
PASSWORD = "correct horse battery staple"

Answer = tuple[int, Any]
"""Status, and the JSON body or None."""


def runs(process: psutil.Process) -> bool:
    """A zombie does not run, nor does what is gone."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def name_of(process: psutil.Process) -> str | None:
    try:
        return str(process.name())
    except psutil.NoSuchProcess:
        return None


def servers_in(folder: Path) -> list[psutil.Process]:
    """The PostgreSQL processes that work below a folder."""
    named = (process for process in psutil.process_iter(["name", "cwd"]) if process.info["name"] == "postgres")
    return [process for process in named if str(process.info["cwd"]).startswith(str(folder)) and runs(process)]


def environment(settings: Mapping[str, Any]) -> dict[str, str]:
    """This process's environment without any setting of the service but these."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GAGYEBU_")}
    return inherited | {f"GAGYEBU_{name.upper()}": str(value) for name, value in settings.items()}


@dataclass
class Service:
    """A running `gagyebu serve`."""

    process: asyncio.subprocess.Process
    url: str
    clients: list[aiohttp.ClientSession] = field(default_factory=list)

    def client(self, token: str = "") -> aiohttp.ClientSession:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        session = aiohttp.ClientSession(self.url, headers=headers, timeout=aiohttp.ClientTimeout(40))
        self.clients.append(session)
        return session

    def family(self) -> list[psutil.Process]:
        """The service, its workers and its PostgreSQL."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    async def kill_database(self) -> None:
        """Kill its PostgreSQL, once one that was killed before is started again."""
        (await until(self._postmaster)).kill()

    def _postmaster(self) -> psutil.Process | None:
        return next((child for child in self._children() if name_of(child) == "postgres"), None)

    def workers(self) -> list[psutil.Process]:
        return [child for child in self._children() if name_of(child) not in {"postgres", None}]

    def _children(self) -> list[psutil.Process]:
        return list(filter(runs, psutil.Process(self.process.pid).children()))

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """Ask it to stop. Returns: its exit code."""
        return await terminated(self.process)


@asynccontextmanager
async def running_service(folder: Path, *flags: str, **settings: Any) -> AsyncIterator[Service]:
    """Run `gagyebu serve` on a free port until the context ends; its log goes to a file in the folder."""
    words = ("serve", "--port", "0", *flags)
    settings.setdefault("data_dir", folder)  # where mail goes that nobody sends
    async with running_command(folder, r"ready on (http://\S+)\n", *words, **settings) as (process, url):
        service = Service(process, url)
        try:
            yield service
        finally:
            for client in service.clients:
                await client.close()


@asynccontextmanager
async def running_command(
    folder: Path, first_line: str, *words: str, **settings: Any
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Run a command until the context ends. Yields: the process, and what is found in the first line that it prints."""
    log = folder / f"{words[0]}.log"
    with log.open("ab") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "service", *words),
            cwd=ROOT,
            env=environment(settings),
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
        )
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), START_SECONDS_MAX)).decode()
        found = re.fullmatch(first_line, line)
        assert found, (line, log.read_text("utf-8")[-3000:])
        yield process, found.group(1)
    finally:
        try:
            await terminated(process)
        except TimeoutError:
            raise AssertionError(("it does not stop", log.read_text("utf-8")[-3000:])) from None


async def terminated(process: asyncio.subprocess.Process) -> int:
    """Ask a process to stop. Returns: its exit code."""
    if process.returncode is None:
        process.terminate()
    try:
        return await asyncio.wait_for(process.wait(), STOP_SECONDS_MAX)
    finally:
        if process.returncode is None:
            process.kill()


async def run_cli(*words: str, **settings: Any) -> tuple[int, str, str]:
    """Run the command line to its end. Returns: exit code, stdout, stderr."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service", *words),
        cwd=ROOT,
        env=environment(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), START_SECONDS_MAX)
    return process.returncode or 0, output.decode(), errors.decode()


NO_ANSWER = (aiohttp.ClientError, OSError, TimeoutError)


async def ask(client: Any, method: str, path: str, body: Any = None, token: str = "", key: str = "") -> Answer:
    """Send a request, a write perhaps under an Idempotency-Key. Raises: NO_ANSWER where none comes."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers |= {"Idempotency-Key": key} if key else {}
    async with client.request(method, path, json=body, headers=headers) as response:
        content = await response.read()
        return response.status, await response.json(content_type=None) if content else None


async def sign_up_and_in(client: Any, email: str = "someone@example.com") -> str:
    """Returns: an access token."""
    status, _ = await ask(client, "POST", "/users/signup", {"email": email, "password": PASSWORD})
    assert status == 201
    return await sign_in(client, email)


async def sign_in(client: Any, email: str = "someone@example.com") -> str:
    status, tokens = await ask(client, "POST", "/users/signin", {"email": email, "password": PASSWORD})
    assert status == 200
    return str(tokens["access_token"])


async def open_book(client: Any, token: str) -> str:
    status, book = await ask(client, "POST", "/books", {"name": "생활비"}, token)
    assert status == 201
    return str(book["id"])


def an_entry(memo: str = "점심", amount: int = 12_000) -> dict[str, Any]:
    return {"kind": "expense", "amount": amount, "occurred_on": "2024-03-01", "memo": memo}
