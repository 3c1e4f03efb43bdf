"""A household that plays on the real service as a client would."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import orjson
import pytest
from aiohttp.test_utils import TestClient
from multidict import CIMultiDict, CIMultiDictProxy

PASSWORD = "korrekt-Pferd-77"
NOWHERE = "01890000-0000-7000-8000-000000000000"
"""A well-formed id that names nothing."""
PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Answer:
    """An answer, read to its end."""

    status: int
    headers: CIMultiDictProxy[str]
    content: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.content)

    @property
    def items(self) -> list[Any]:
        return self.json["items"]

    @property
    def slug(self) -> str:
        """What kind of problem this is, once it has the shape that all of them have."""
        body = self.json
        assert self.headers["Content-Type"].startswith(PROBLEM)
        assert {"type", "title", "status", "detail", "instance"} == set(body) - {"errors", "version"}
        assert ("errors" in body) == (self.status == 422)
        of_none = body["type"] == "/problems/precondition-failed"  # nothing that has versions
        assert ("version" in body) == (self.status == 412 and not of_none)
        assert (self.status, self.headers["X-Request-Id"]) == (body["status"], body["instance"])
        assert body["title"]
        assert body["detail"]
        return body["type"].removeprefix("/problems/")

    @property
    def outcome(self) -> tuple[int, str | None]:
        """The status, and of a refusal its problem."""
        return self.status, self.slug if self.status >= 400 else None

    @property
    def errors(self) -> dict[str, str]:
        """What is wrong, by field, of a 422."""
        assert self.outcome == (422, "invalid-request")
        return {error["field"]: error["message"] for error in self.json["errors"]}


class Household:
    """Someone who sends requests: signed in, or not (yet)."""

    def __init__(self, client: TestClient, email: str = "", tokens: dict[str, Any] | None = None) -> None:
        self.client, self.email, self.tokens = client, email, tokens or {}

    async def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any) -> Answer:
        """Send a request with this household's token, unless other `headers` say who speaks."""
        sent = CIMultiDict(headers or {})
        if self.tokens:
            sent.setdefault("Authorization", f"Bearer {self.tokens['access_token']}")
        async with self.client.request(method, path, headers=sent, **options) as response:
            return Answer(response.status, response.headers, await response.read())

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.ask("GET", path, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        return await self.ask("POST", path, json=body, **options)

    async def patch(self, path: str, body: Any, **options: Any) -> Answer:
        return await self.ask("PATCH", path, json=body, **options)

    async def delete(self, path: str, **options: Any) -> Answer:
        return await self.ask("DELETE", path, **options)

    async def made(self, path: str, body: Any = None, **options: Any) -> Any:
        """Make something that must succeed."""
        answer = await self.post(path, body, **options)
        assert answer.status == 201, answer.content
        return answer.json

    async def open_book(self, **fields: Any) -> Any:
        return await self.made("/books", {"name": "우리집", **fields})

    async def record(self, book: Any, **fields: Any) -> Any:
        """Record an entry: 12,000 spent on 2026-02-17, unless said otherwise."""
        entry = {"kind": "expense", "amount": "12000", "occurred_on": "2026-02-17", **fields}
        return await self.made(f"/books/{book['id']}/entries", entry)

    async def category(self, book: Any, name: str, kind: str = "expense") -> Any:
        """Find a live category of a book by its name."""
        found = (await self.get(f"/books/{book['id']}/categories?limit=200")).items
        return next(item for item in found if (item["name"], item["kind"]) == (name, kind))

    async def invite(self, book: Any, email: str, role: str = "editor") -> str:
        """Invite somebody to a book. Returns: the token."""
        return (await self.made(f"/books/{book['id']}/invitations", {"email": email, "role": role}))["token"]

    async def share(self, book: Any, other: "Household", role: str = "editor") -> None:
        """Make another a member of a book."""
        answer = await other.post(f"/invitations/{await self.invite(book, other.email, role)}/accept")
        assert answer.status == 200, answer.content

    async def transfer(self, source: Any, target: Any, **fields: Any) -> Any:
        """Move 5,000 on 2026-02-17 from one book to another, unless said otherwise."""
        asked = {"from_book": source["id"], "to_book": target["id"], "amount": "5000", "occurred_on": "2026-02-17"}
        return await self.made("/transfers", {**asked, **fields})

    @property
    async def id(self) -> str:
        return (await self.get("/users/me")).json["id"]

    async def signed_up(self, email: str, **fields: Any) -> "Household":
        """Sign up and in as another."""
        await self.made("/users/signup", {"email": email, "password": PASSWORD, **fields})
        return await self.signed_in(email)

    async def signed_in(self, email: str) -> "Household":
        answer = await self.post("/users/signin", {"email": email, "password": PASSWORD})
        assert answer.status == 200, answer.content
        return Household(self.client, email, answer.json)


def entries_of(book: Any) -> str:
    return f"/books/{book['id']}/entries"


def path_of(entry: Any) -> str:
    return f"/books/{entry['book_id']}/entries/{entry['id']}"


async def walk(household: Household, path: str | None) -> list[list[Any]]:
    """Follow the Link headers to the end; return the pages."""
    pages: list[list[Any]] = []
    while path is not None:
        answer = await household.get(path)
        pages.append(answer.items)
        link = answer.headers.get("Link")
        assert (link is None) == (answer.json["next_cursor"] is None)
        if link is not None:
            assert link.endswith('>; rel="next"')
            assert f"cursor={answer.json['next_cursor']}" in link
        path = link and link.split(">")[0][1:]
    return pages


@pytest.fixture
def guest(client: TestClient) -> Household:
    """Someone who is not signed in."""
    return Household(client)


@pytest.fixture
async def home(guest: Household) -> Household:
    return await guest.signed_up("mina@example.com", name="김미나")


@pytest.fixture
async def stranger(guest: Household) -> Household:
    return await guest.signed_up("jun@example.com")


@pytest.fixture
async def book(home: Household) -> Any:
    """A book in won of the household's."""
    return await home.open_book()


@pytest.fixture
def database_gone(server: str, dsn: str) -> Callable[[], AbstractAsyncContextManager[None]]:
    """Cut the service off its database for as long as the context lasts."""
    name = urlsplit(dsn).path.removeprefix("/")

    @asynccontextmanager
    async def gone() -> AsyncIterator[None]:
        maintenance = await asyncpg.connect(server.replace("/gagyebu?", "/postgres?"))
        await maintenance.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
        cut = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1"
        await maintenance.execute(cut, name)
        yield
        await maintenance.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
        await maintenance.close()

    return gone
