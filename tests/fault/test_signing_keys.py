"""Signing keys on several workers: begun once, rotated while they serve."""

import asyncio
import json
import time
from contextlib import asynccontextmanager

import aiohttp
import jwt
import pytest

from auth.commands.keys import open_keys, rotate_keys, token_keys
from auth.signing_keys import JOURNAL_ID
from auth.tokens import TokenKey
from eventstore.database import open_database
from eventstore.keys import Keyring
from eventstore.store import EventStore
from tests.conftest import MASTER_KEY
from tests.fault.processes import ask, run_cli, running_service, sign_in, sign_up_and_in
from tests.fault.until import until

FIRST_SEED = MASTER_KEY.derive("access token signing")
LEARNED_WITHIN_SECONDS = 1.0


@pytest.fixture
def settings_of(dsn):
    return {"database_url": dsn, "master_key": MASTER_KEY.text}


@pytest.fixture
def a_worker(tmp_path, settings_of):
    @asynccontextmanager
    async def start():
        async with running_service(tmp_path, **settings_of) as service:
            yield service.client()

    return start


async def kids(client):
    status, keys = await ask(client, "GET", "/.well-known/jwks.json")
    assert status == 200
    return [key["kid"] for key in keys["keys"]]


async def accepts(client, token):
    status, _ = await ask(client, "GET", "/users/me", token=token)
    assert status in {200, 401}
    return status == 200


async def keys_cli(settings, *words):
    code, output, errors = await run_cli("keys", *words, **settings)
    assert code == 0, errors
    return output


async def seconds_until_signed_by(client, kid):
    began_at = time.perf_counter()
    while jwt.get_unverified_header(await sign_in(client))["kid"] != kid:
        assert time.perf_counter() - began_at < LEARNED_WITHIN_SECONDS + 0.5
    return time.perf_counter() - began_at


async def test_keys_opened_by_many_at_once_are_begun_once_with_the_key_of_earlier_versions(dsn, database):
    async def open_as_a_process():
        async with open_database(dsn, 1) as own:
            store = EventStore(own, Keyring(MASTER_KEY))
            keys = await open_keys(store, FIRST_SEED, "test")
            await store.close()
            return keys.version, keys.current.kid

    found = await asyncio.gather(*(open_as_a_process() for _ in range(8)))
    (row,) = await database.fetch("SELECT count(*) FROM events WHERE journal_id = $1", JOURNAL_ID)
    assert [(2, TokenKey(FIRST_SEED).kid)] * 8 == found
    assert 2 == row["count"]


async def test_keys_rotated_by_many_at_once_are_all_kept_and_private_halves_are_sealed(store, database):
    made = await asyncio.gather(*(rotate_keys(store, FIRST_SEED, "test", at_once=False) for _ in range(4)))
    keys = await open_keys(store, FIRST_SEED, "test")
    assert {key.kid for key in made} | {TokenKey(FIRST_SEED).kid} == keys.keys.keys()
    rows = await database.fetch("SELECT state FROM events WHERE journal_id = $1", JOURNAL_ID)
    stored = b"".join(row["state"] for row in rows).decode()
    assert [] == [key.kid for key in keys.keys.values() if key.private_key in stored]


async def test_rotation_reaches_running_workers_and_refuses_no_token(a_worker, settings_of, record_property):
    async with a_worker() as here, a_worker() as elsewhere:
        first = await sign_up_and_in(here)
        (old,) = await kids(here)
        new = (await keys_cli(settings_of, "rotate")).strip()
        took = await seconds_until_signed_by(here, new)
        record_property("learned_after_ms", round(took * 1000))
        second = await sign_in(here)
        assert all([await accepts(client, token) for client in (here, elsewhere) for token in (first, second)])
        for client in (here, elsewhere):
            await until(lambda client=client: has_both(client, old, new), LEARNED_WITHIN_SECONDS)
        listed = json.loads(await keys_cli(settings_of, "list", "--json"))
        assert [(old, "verifies"), (new, "signs")] == [(key["kid"], key["state"]) for key in listed]
        assert f"{new}  " in await keys_cli(settings_of, "list")


async def has_both(client, old, new):
    return await kids(client) == [old, new]


async def test_token_of_a_key_that_a_worker_has_not_heard_of_is_accepted_all_the_same(client, store):
    """Its neighbour learned of the key a moment earlier."""
    await sign_up_and_in(client)
    old = jwt.get_unverified_header(await sign_in(client))["kid"]
    for _ in range(5):
        key = await rotate_keys(store, FIRST_SEED, "test", at_once=False)
        keys = await open_keys(store, FIRST_SEED, "test")
        claims = jwt.decode(await sign_in(client), options={"verify_signature": False})
        header = {"typ": "at+jwt", "kid": key.kid}
        newer = jwt.encode(claims, token_key_of(keys, key.kid).private, "EdDSA", header)
        assert old != key.kid
        assert await accepts(client, newer)


def token_key_of(keys, kid):
    return next(key for key in token_keys(keys, FIRST_SEED) if key.kid == kid)


async def test_rotation_at_once_refuses_what_the_old_keys_signed_but_no_refresh_token(a_worker, settings_of):
    async with a_worker() as here:
        old = await sign_up_and_in(here)
        credentials = {"email": "someone@example.com", "password": "correct horse battery staple"}
        _, tokens = await ask(here, "POST", "/users/signin", credentials)
        assert await accepts(here, old)
        new = (await keys_cli(settings_of, "rotate", "--at-once")).strip()
        await until(lambda: is_refused(here, old), LEARNED_WITHIN_SECONDS)
        assert [new] == await kids(here)
        status, fresh = await ask(here, "POST", "/users/token", {"refresh_token": tokens["refresh_token"]})
        assert 200 == status
        assert await accepts(here, fresh["access_token"])
        listed = json.loads(await keys_cli(settings_of, "list", "--json"))
        assert ["retired", "signs"] == [key["state"] for key in listed]


async def is_refused(client, token):
    return not await accepts(client, token)


async def test_unknown_keys_named_by_anybody_cost_few_looks_at_the_store(client, database):
    token = await sign_up_and_in(client)
    claims = jwt.decode(token, options={"verify_signature": False})
    forged = [
        jwt.encode(claims, TokenKey(bytes([number] * 32)).private, "EdDSA", TokenKey(bytes([number] * 32)).header)
        for number in range(100)
    ]
    began_at = time.perf_counter()
    assert [False] * 100 == await asyncio.gather(*(accepts(client, each) for each in forged))
    assert time.perf_counter() - began_at < 2  # one by one, each with a look of its own, it would take 20 s


async def test_another_master_key_is_refused_at_the_start(settings_of, tmp_path):
    async with running_service(tmp_path, **settings_of):
        pass
    code, _, errors = await run_cli("serve", "--port", "0", **{**settings_of, "master_key": "A" * 43 + "="})
    assert 1 == code
    assert "master key does not open" in errors


async def test_commands_reach_the_database_of_a_running_embedded_service(tmp_path):
    data_dir = {"data_dir": tmp_path / "data"}
    async with running_service(tmp_path, **data_dir) as service:
        client = service.client()
        await sign_up_and_in(client)
        new = (await keys_cli(data_dir, "rotate")).strip()
        await seconds_until_signed_by(client, new)
    listed = json.loads(await keys_cli(data_dir, "list", "--json"))  # and one that does not run
    assert ["verifies", "signs"] == [key["state"] for key in listed]


async def test_services_are_registered_listed_and_removed(a_worker, settings_of):
    async def service_cli(*words):
        return await run_cli("service", *words, **settings_of)

    code, output, _ = await service_cli("add", " reports ")
    client_id, secret = (line.split()[1] for line in output.splitlines())
    assert (0, 43) == (code, len(secret))
    code, _, errors = await service_cli("add", "reports")
    assert (1, "Error: There is a service named reports.") == (code, errors.splitlines()[-1])
    assert 2 == (await service_cli("add", ""))[0]
    (listed,) = json.loads((await service_cli("list", "--json"))[1])
    assert (client_id, "reports") == (listed["id"], listed["name"])
    assert secret not in (await service_cli("list"))[1]
    async with a_worker() as here:
        token = await sign_up_and_in(here)

        async def introspected():
            form, basic = {"token": token}, basic_auth(client_id, secret)
            async with here.post("/oauth/introspect", data=form, headers=basic) as answer:
                return answer.status, (await answer.json()).get("active")

        assert (200, True) == await introspected()
        assert 0 == (await service_cli("remove", "reports"))[0]
        assert (401, None) == await introspected()
    assert 1 == (await service_cli("remove", "reports"))[0]


def basic_auth(client_id, secret):
    return {"Authorization": aiohttp.encode_basic_auth(client_id, secret)}


async def test_an_api_token_revoked_here_is_refused_elsewhere_within_a_second(a_worker):
    async with a_worker() as here, a_worker() as elsewhere:
        session = await sign_up_and_in(here)
        measured = []
        for number in range(5):
            body = {"name": f"{number}", "scopes": ["read"]}
            _, token = await ask(here, "POST", "/users/me/tokens", body, session)
            assert await reads(elsewhere, token)
            assert (204, None) == await ask(here, "DELETE", f"/users/me/tokens/{token['id']}", token=session)
            assert not await reads(here, token)
            began_at = time.perf_counter()
            while await reads(elsewhere, token):
                assert time.perf_counter() - began_at < LEARNED_WITHIN_SECONDS
            measured.append(round((time.perf_counter() - began_at) * 1000, 1))
    print("refused on the other worker after", sorted(measured), "ms")  # noqa: T201


async def reads(client, token):
    status, _ = await ask(client, "GET", "/books", token=token["token"])
    assert status in {200, 401}
    return status == 200
