"""What a request costs in round trips to the database, counted on the wire."""

import time
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp.test_utils import TestClient, TestServer
from pyotp import TOTP

from service import open_app
from tests.authenticator import Authenticator
from tests.fault.processes import PASSWORD, an_entry, ask, open_book, sign_up_and_in
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


async def made(client, token, path, body):
    """Make what must succeed."""
    status, answer = await ask(client, "POST", path, body, token)
    assert status in {200, 201}, answer
    return answer


async def test_signing_in_costs_a_load_of_each_that_decides_and_one_append(settings, wire):
    claim, user, totp, passkeys, append, limit = 1, 1, 1, 1, 1, 2
    credentials = {"email": "someone@example.com", "password": PASSWORD}
    async with client_on(settings, wire) as client:
        token = await sign_up_and_in(client)
        assert limit + claim + user + totp + append == await round_trips(
            wire, client, "", "POST", "/users/signin", credentials
        )

        key = Authenticator()
        options = await made(client, token, "/users/me/passkeys/options", {"password": PASSWORD})
        await made(client, token, "/users/me/passkeys", {"name": "key", "credential": key.create(options)})
        answer = {"credential": key.get(await made(client, "", "/users/signin/passkey/options", {}))}
        assert user + passkeys + append == await round_trips(wire, client, "", "POST", "/users/signin/passkey", answer)

        app = TOTP((await made(client, token, "/users/me/totp", {"password": PASSWORD}))["secret"])
        await made(client, token, "/users/me/totp/confirm", {"otp": app.now()})
        proof = {**credentials, "otp": app.at(time.time(), counter_offset=1)}
        assert limit + claim + user + totp + append == await round_trips(
            wire, client, "", "POST", "/users/signin", proof
        )


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
        "/books/{book}/categories/{category}",
        "/books/{book}/members/{user}",
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
        category = await made(client, token, f"/books/{book}/categories", {"name": "x", "kind": "income"})
        path = path.format(book=book, entry=entry["id"], category=category["id"], user=entry["created_by"])
        assert 1 < await round_trips(wire, client, token, "GET", path)  # it catches up first, or learns the statement
        await round_trips(wire, client, token, "GET", path)
        assert 1 == await round_trips(wire, client, token, "GET", path)


async def test_opening_a_link_costs_one_round_trip_to_read_and_one_to_count(settings, wire):
    async with client_on(settings, wire) as client:
        token = await sign_up_and_in(client)
        book = await open_book(client, token)
        _, entry = await ask(client, "POST", f"/books/{book}/entries", an_entry(), token)
        _, link = await ask(client, "POST", f"/books/{book}/entries/{entry['id']}/shares", {}, token)
        await ask(client, "GET", f"/s/{link['code']}")
        for _ in range(3):
            await ask(client, "GET", f"/books/{book}", None, token)  # it catches up, as the projector would
            assert 2 == await round_trips(wire, client, "", "GET", f"/s/{link['code']}")
