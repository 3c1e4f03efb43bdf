"""The database is gone, stalls, or is held by somebody: requests say so in time, and go on when it is back."""

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import pytest
from aiohttp.test_utils import TestClient, TestServer

from service import open_app
from tests.fault.processes import an_entry, ask, open_book, sign_up_and_in
from tests.fault.proxy import proxied
from tests.fault.until import until

LIMIT_SECONDS = 1


@pytest.fixture
async def wire(dsn):
    async with proxied(dsn) as proxy:
        yield proxy


@pytest.fixture
def short_limits(monkeypatch):
    """The same limits, sooner."""
    for limit in ("QUERY_SECONDS_MAX", "ACQUIRE_SECONDS_MAX", "CONNECT_SECONDS_MAX"):
        monkeypatch.setattr(f"eventstore.database.{limit}", LIMIT_SECONDS)


@asynccontextmanager
async def client_on(settings, wire):
    async with (
        open_app(replace(settings, database_url=wire.dsn), wire.dsn) as app,
        TestClient(TestServer(app)) as client,
    ):
        yield client


async def is_unavailable(client, method, path, token, body=None):
    """503 in the one shape that errors have, with a hint when to come again."""
    headers = {"Authorization": f"Bearer {token}"}
    async with client.request(method, path, json=body, headers=headers) as response:
        problem = await response.json(content_type="application/problem+json")
        if response.status != 503:
            return False
        assert 1 <= int(response.headers["Retry-After"])
        assert ("/problems/store-unavailable", 503) == (problem["type"], problem["status"])
        return True


async def is_served(client, path, token):
    status, _ = await ask(client, "GET", path, token=token)
    return status == 200


async def test_a_lost_database_is_503_and_found_again_without_a_restart(settings, wire):
    async with client_on(settings, wire) as client:
        token = await sign_up_and_in(client)
        book = await open_book(client, token)
        path = f"/books/{book}/entries"
        for round_number in range(3):
            wire.closed = True
            wire.cut()
            for _ in range(12):  # more than there were connections
                assert await is_unavailable(client, "POST", path, token, an_entry("lost"))
                for read in (path, f"/books/{book}/totals", "/wallet", "/users/me"):
                    assert await is_unavailable(client, "GET", read, token)
            assert await is_unavailable(client, "GET", "/readyz", token)
            assert (200, {"status": "ok"}) == await ask(client, "GET", "/livez")
            wire.closed = False
            await until(lambda: is_served(client, "/readyz", token))
            status, _ = await ask(client, "POST", path, an_entry(f"kept {round_number}"), token)
            assert 201 == status
        _, listed = await ask(client, "GET", path, token=token)
        assert ["kept 0", "kept 1", "kept 2"] == sorted(entry["memo"] for entry in listed["items"])


async def test_connections_cut_in_the_middle_of_requests_are_503_and_lose_nothing_that_was_answered(settings, wire):
    async with client_on(settings, wire) as client:
        token = await sign_up_and_in(client)
        path = f"/books/{await open_book(client, token)}/entries"
        sent, answered = set(), set()

        async def write(writer):
            for number in range(20):
                memo = f"{writer}.{number}"
                sent.add(memo)
                status, _ = await ask(client, "POST", path, an_entry(memo), token)
                assert status in {201, 503}
                answered.update({memo} if status == 201 else ())

        writers = asyncio.gather(*map(write, range(8)))
        for count in (20, 40, 60):
            await until(lambda count=count: len(answered) >= count or writers.done())
            wire.cut()
        await writers
        _, listed = await until(lambda: listing(client, path, token))
        memos = [entry["memo"] for entry in listed["items"]]
        assert len(memos) == len(set(memos))
        assert answered <= set(memos) <= sent


async def listing(client, path, token):
    status, body = await ask(client, "GET", f"{path}?limit=200", token=token)
    assert status in {200, 503}
    return (status, body) if status == 200 and body["next_cursor"] is None else None


async def test_a_stalled_database_is_503_in_time_and_goes_on(settings, wire, short_limits):
    async with client_on(settings, wire) as client:
        token = await sign_up_and_in(client)
        book = await open_book(client, token)
        wire.flowing.clear()
        began_at = time.monotonic()
        requests = [
            ("POST", f"/books/{book}/entries", an_entry()),
            ("GET", f"/books/{book}", None),
            ("GET", "/wallet", None),
        ]
        stalled = await asyncio.gather(
            *(is_unavailable(client, method, path, token, body) for method, path, body in requests * 5)
        )
        assert all(stalled)
        assert time.monotonic() - began_at < 8 * LIMIT_SECONDS
        wire.flowing.set()
        await until(lambda: is_served(client, f"/books/{book}", token))
        status, _ = await ask(client, "POST", f"/books/{book}/entries", an_entry(), token)
        assert 201 == status


async def test_a_journal_held_by_somebody_is_503_in_time_and_its_neighbours_go_on(settings, dsn, wire, short_limits):
    async with client_on(settings, wire) as client:
        token = await sign_up_and_in(client)
        held, free = [await open_book(client, token) for _ in range(2)]
        somebody = await asyncpg.connect(dsn)
        async with somebody.transaction():
            await somebody.execute("SELECT FROM eventstore.journals WHERE journal_id = $1 FOR UPDATE", held)
            waiting = asyncio.create_task(
                is_unavailable(client, "POST", f"/books/{held}/entries", token, an_entry("too late"))
            )
            await until(lambda: lock_waits(somebody))
            for path in (
                f"/books/{held}",
                f"/books/{held}/entries",
                f"/books/{free}",
                f"/books/{free}/totals",
                "/wallet",
            ):
                assert await is_served(client, path, token)
            assert not waiting.done()  # so all of these were served while it waited
            status, _ = await ask(client, "POST", f"/books/{free}/entries", an_entry(), token)
            assert 201 == status
            assert await waiting
            assert await is_served(client, f"/books/{held}", token)
        await somebody.close()
        status, _ = await ask(client, "POST", f"/books/{held}/entries", an_entry("in time"), token)
        assert 201 == status
        _, listed = await ask(client, "GET", f"/books/{held}/entries", token=token)
        assert ["in time"] == [entry["memo"] for entry in listed["items"]]


async def lock_waits(connection):
    return await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
