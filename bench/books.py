"""The same books in every system: whose they are, what is in them, what is asked of them."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal, NamedTuple, Protocol
from uuid import uuid4

import aiohttp
import asyncpg
import orjson

from bench import crud
from bench.errors import BenchError
from bench.generator import Generator, Job, Request
from bench.system import System

Operation = Literal["create", "list", "detail", "totals", "wallet"]
OPERATIONS: tuple[Operation, ...] = ("create", "list", "detail", "totals", "wallet")
SERVICE, BARE, CRUD = "gagyebu", "bare INSERT", "FastAPI CRUD"

SMALL = 20
DETAILS = 200  # entries that are read by turns
VARIATIONS = 512
FIRST_DAY = date(2024, 11, 23)
FILL_CONNECTIONS = 64
FILL_SECONDS_MAX = 180
PASSWORD = "회계사 옆집 고양이 1123"


class Load(NamedTuple):
    """What an operation sends to one system."""

    requests: list[Request]
    expected: int
    token: str = ""


@dataclass(frozen=True)
class Book:
    """An account book, the token of its owner, and some of its entries."""

    path: str
    token: str
    entry_ids: list[str]


class Subject(Protocol):
    """A system under test with its books."""

    @property
    def system(self) -> System: ...

    def offers(self, operation: Operation, size: int) -> bool:
        """Whether there is anything to measure."""

    async def prepare(self, sizes: list[int]) -> None:
        """Make a book of each size."""

    async def load(self, operation: Operation, size: int) -> Load:
        """Say what to send for an operation on a book of this size."""


def entry_body(number: int) -> str:
    """Render the number-th variation of an entry."""
    return orjson.dumps(
        {
            "kind": "income" if number % 5 == 0 else "expense",
            "amount": str(1_000 + number * 10),
            "occurred_on": str(FIRST_DAY + timedelta(days=number % 730)),
            "memo": f"점심 {number:05}",
            "tags": ["식비"],
        }
    ).decode()


BODIES = [entry_body(number) for number in range(VARIATIONS)]


def load_of(operation: Operation, book: Book) -> Load:
    """Say what to send for an operation on a book."""
    if operation == "create":
        return Load([("POST", f"{book.path}/entries", body) for body in BODIES], 201, book.token)
    paths = {
        "list": [f"{book.path}/entries?limit=20"],
        "detail": [f"{book.path}/entries/{entry_id}" for entry_id in book.entry_ids],
        "totals": [f"{book.path}/totals"],
        "wallet": ["/wallet"],
    }
    return Load([("GET", path) for path in paths[operation]], 200, book.token)


class Bare:
    """The bare INSERT, which knows no books."""

    def __init__(self, system: System) -> None:
        self.system = system

    def offers(self, operation: Operation, size: int) -> bool:
        return operation == "create" and size == SMALL

    async def prepare(self, sizes: list[int]) -> None:
        pass

    async def load(self, operation: Operation, size: int) -> Load:
        return Load([("POST", "/entries", body) for body in BODIES], 201)


class Client:
    """Asks a system for what has to be there before it is measured."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def ask(self, expected: int, method: str, path: str, token: str = "", body: Any = None) -> Any:
        """Send a request. Raises: BenchError where the status is another than expected."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self._session.request(method, path, headers=headers, json=body) as answer:
            if answer.status != expected:
                raise BenchError(f"{method} {path}: {answer.status} {(await answer.text())[:500]}")
            return await answer.json() if answer.status != 204 else None

    async def status(self, path: str, token: str) -> int:
        """GET a path for its status alone."""
        headers = {"Authorization": f"Bearer {token}"}
        async with self._session.get(path, headers=headers) as answer:
            return answer.status

    async def upload(self, path: str, token: str, file: bytes) -> Any:
        """Import a CSV file into a book. Raises: BenchError where it is refused or has nothing new."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/csv"}
        async with self._session.post(f"{path}/imports", headers=headers, data=io.BytesIO(file)) as answer:
            if answer.status != 201:
                raise BenchError(f"import: {answer.status} {(await answer.text())[:500]}")
            return await answer.json()

    async def open_book(self, token: str) -> str:
        """Make a book without entries. Returns: its path."""
        created = await self.ask(201, "POST", "/books", token, {"name": "bench"})
        return f"/books/{created['id']}"

    async def small_book(self, token: str) -> Book:
        """Make a book of a few entries."""
        path = await self.open_book(token)
        for body in BODIES[:SMALL]:
            await self.ask(201, "POST", f"{path}/entries", token, orjson.loads(body))
        return await self.filled_book(path, token)

    async def filled_book(self, path: str, token: str) -> Book:
        """Describe a book that has its entries."""
        listed = await self.ask(200, "GET", f"{path}/entries?limit={DETAILS}", token)
        return Book(path, token, [entry["id"] for entry in listed["items"]])


def credentials(name: str) -> dict[str, str]:
    """Make up a user."""
    return {"email": f"bench-{name}@example.com", "password": PASSWORD}


async def sign_up(client: Client, name: str) -> str:
    """Make a user of the service. Returns: an access token."""
    await client.ask(201, "POST", "/users/signup", body=credentials(name))
    return await sign_in(client, name)


async def sign_in(client: Client, name: str) -> str:
    """Returns: an access token."""
    tokens = await client.ask(200, "POST", "/users/signin", body=credentials(name))
    return str(tokens["access_token"])


@asynccontextmanager
async def client(url: str) -> AsyncIterator[Client]:
    """Open a client of one server."""
    async with aiohttp.ClientSession(url, json_serialize=lambda body: orjson.dumps(body).decode()) as session:
        yield Client(session)


class Crud:
    """The FastAPI service."""

    def __init__(self, system: System, client: Client) -> None:
        self.system = system
        self._client = client
        self._books: dict[int, Book] = {}

    def offers(self, operation: Operation, size: int) -> bool:
        return True

    async def prepare(self, sizes: list[int]) -> None:
        for size in sizes:
            owner_id = uuid4()
            token = crud.token(owner_id)
            path = await self._client.open_book(token)
            connection = await asyncpg.connect(self.system.database.dsn)
            await connection.execute(crud.FILL, path.rpartition("/")[2], owner_id, size)
            await connection.close()
            self._books[size] = await self._client.filled_book(path, token)

    async def load(self, operation: Operation, size: int) -> Load:
        book = self._books[size]
        if operation == "create" and size == SMALL:
            book = await self._client.small_book(crud.token(uuid4()))
        return load_of(operation, book)


class Gagyebu:
    """The service, with a user for each size of book, so that a wallet has one book."""

    def __init__(self, system: System, client: Client, generator: Generator) -> None:
        self.system = system
        self._client = client
        self._generator = generator
        self._books: dict[int, Book] = {}

    def offers(self, operation: Operation, size: int) -> bool:
        return True

    async def prepare(self, sizes: list[int]) -> None:
        await sign_up(self._client, "writer")
        for size in sizes:
            token = await sign_up(self._client, str(size))
            path = await self._client.open_book(token)
            await self._fill(path, token, size)
            self._books[size] = await self._client.filled_book(path, token)

    async def load(self, operation: Operation, size: int) -> Load:
        # Signed in anew every time: a long run must not outlive a token.
        if operation == "create" and size == SMALL:
            return load_of(operation, await self._client.small_book(await sign_in(self._client, "writer")))
        token = await sign_in(self._client, str(size))
        book = self._books[size]
        return load_of(operation, Book(book.path, token, book.entry_ids))

    async def _fill(self, path: str, token: str, size: int) -> None:
        requests, expected, _ = load_of("create", Book(path, token, []))
        job = Job(self.system.server.port, requests, expected, FILL_CONNECTIONS, FILL_SECONDS_MAX, token)
        await self._generator.warm(replace(job, count_max=size))
        await self._generator.go()
        book = await self._client.ask(200, "GET", path, token)
        if book["entry_count"] != size:
            raise BenchError(f"the book has {book['entry_count']} entries after {size} were written")
