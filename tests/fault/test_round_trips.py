"""What a request costs in round trips to the database, counted on the wire."""

from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp.test_utils import TestClient, TestServer

from service import open_app
from tests.fault.processes import an_entry, ask, open_book, sign_up_and_in
from tests.fault.proxy import proxied


@pytest.fixture
async def wire(dsn):
    async with proxied(dsn) as proxy:
        yield proxy


@asynccontextmanager
async def client_on(settings, wire):
    """A service that does nothing in the background but listen, on one connection that knows every statement."""
    alone = replace(settings, database_url=wire.dsn, projector=False, pool_size_max=1)
    async with open_app(alone, wire.dsn) as app, TestClient(TestServer(app)) as client:
        yield client


async def round_trips(wire, client, token, method, path, body=None):
    before = wire.round_trips
    status, answer = await ask(client, method, path, body, token)
    assert status in {200, 201}, answer
    return wire.round_trips - before


async def test_creating_an_entry_in_a_book_used_before_costs_one_round_trip(settings, wire):
    async with client_on(settings, wire) as client:
        token = await sign_up_and_in(client)
        path = f"/books/{await open_book(client, token)}/entries"
        await ask(client, "POST", path, an_entry(), token)
        for _ in range(3):
            assert 1 == await round_trips(wire, client, token, "POST", path, an_entry())
        assert b"append_events" in wire.statements


async def test_an_api_token_that_was_seen_before_costs_no_round_trip_of_its_own(settings, wire):
    async with client_on(settings, wire) as client:
        body = {"name": "script", "scopes": ["read"]}
        _, token = await ask(client, "POST", "/users/me/tokens", body, await sign_up_and_in(client))
        for _ in range(2):
            await ask(client, "GET", "/wallet", token=token["token"])
        assert 1 == await round_trips(wire, client, token["token"], "GET", "/wallet")


@pytest.mark.parametrize(
    "path",
    [
        "/books/{book}",
        "/books/{book}/entries",
        "/books/{book}/entries?sort=-amount&q=lunch&limit=1",
        "/books/{book}/entries/{entry}",
        "/books/{book}/totals",
        "/books/{book}/totals?from=2024-01-05&to=2024-12-31&group_by=category",
        "/books/{book}/categories",
        "/books",
        "/wallet",
        "/users/me/sessions",
    ],
)
async def test_reading_what_is_caught_up_costs_one_round_trip(settings, wire, path):
    async with client_on(settings, wire) as client:
        token = await sign_up_and_in(client)
        book = await open_book(client, token)
        _, entry = await ask(client, "POST", f"/books/{book}/entries", an_entry(), token)
        path = path.format(book=book, entry=entry["id"])
        assert 1 < await round_trips(wire, client, token, "GET", path)  # it catches up first, or learns the statement
        await round_trips(wire, client, token, "GET", path)
        assert 1 == await round_trips(wire, client, token, "GET", path)
