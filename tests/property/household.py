"""Users of two workers of the real service on one database, which take turns."""

import asyncio
import itertools
import logging
from collections.abc import Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import structlog
from aiohttp.test_utils import TestClient, TestServer

from eventstore.settings import Settings
from service import open_app
from tests.conftest import MASTER_KEY, TEMPLATE, _fresh_database
from tests.property.model import Call, Json, Reply

fresh_database = asynccontextmanager(_fresh_database)


@dataclass(frozen=True)
class User:
    user_id: str
    email: str
    access_token: str


@dataclass
class Household:
    runner: asyncio.Runner
    workers: Iterator[TestClient[Any, Any]]
    users: dict[str, User]

    async def send(self, call: Call) -> Reply:
        headers = {"If-Match": call.if_match, "Idempotency-Key": call.key}
        given = {name: value for name, value in headers.items() if value}
        return await self.request(call.user, call.method, call.path, json=call.body, headers=given)

    async def request(self, user: str, method: str, path: str, **options: Any) -> Reply:
        headers = {"Authorization": f"Bearer {self.users[user].access_token}", **options.pop("headers", {})}
        async with next(self.workers).request(method, path, headers=headers, **options) as response:
            content = await response.read()
            replayed = response.headers.get("Idempotency-Replayed") == "true"
            body = orjson.loads(content) if content else {}
            return Reply(response.status, body, content, response.headers.get("ETag", ""), replayed)

    async def get(self, user: str, path: str, params: Any = ()) -> Json:
        reply = await self.request(user, "GET", path, params=params)
        assert reply.status == 200, (path, params, reply)
        return reply.body

    async def pages(self, user: str, path: str, params: Any = (), limit: int = 200) -> list[Json]:
        """Read a list page by page to its end."""
        items: list[Json] = []
        cursor: list[tuple[str, str]] = []
        while True:
            page = await self.get(user, path, [*params, ("limit", str(limit)), *cursor])
            items += page["items"]
            assert len(page["items"]) <= limit
            if page["next_cursor"] is None:
                return items
            cursor = [("cursor", page["next_cursor"])]


@contextmanager
def opened_household(server: str, data_dir: Path, users: int) -> Iterator[Household]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            yield runner.run(_open(runner, stack, server, data_dir, users))
        finally:
            runner.run(stack.aclose())
            structlog.reset_defaults()


async def _open(runner: asyncio.Runner, stack: AsyncExitStack, server: str, data_dir: Path, users: int) -> Household:
    dsn = await stack.enter_async_context(fresh_database(server, TEMPLATE))
    settings = Settings(database_url=dsn, master_key=MASTER_KEY.text, data_dir=data_dir)
    workers = [await _open_worker(stack, settings) for _ in range(2)]
    signed_in = [await _sign_up(workers[0], f"user{number}@example.com") for number in range(users)]
    return Household(runner, itertools.cycle(workers), {user.user_id: user for user in signed_in})


async def _open_worker(stack: AsyncExitStack, settings: Settings) -> TestClient[Any, Any]:
    app = await stack.enter_async_context(open_app(settings, settings.database_url))
    return await stack.enter_async_context(TestClient(TestServer(app)))


async def _sign_up(client: TestClient[Any, Any], email: str) -> User:
    credentials = {"email": email, "password": "correct horse battery staple"}
    async with client.post("/users/signup", json=credentials) as response:
        user = await response.json()
    async with client.post("/users/signin", json=credentials) as response:
        return User(user["id"], email, (await response.json())["access_token"])
