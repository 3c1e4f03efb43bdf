"""Erasure with real processes: on every worker, amid kill -9, and from the command line."""

import asyncio
from contextlib import asynccontextmanager

import asyncpg
import orjson
import pytest

from tests.conftest import MASTER_KEY
from tests.fault.processes import PASSWORD, ask, run_cli, running_service, sign_in, sign_up_and_in
from tests.fault.until import until

ME = "/users/me"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%append_events%'"


@pytest.fixture
def settings_of(dsn, tmp_path):
    return {"database_url": dsn, "master_key": MASTER_KEY.text, "data_dir": tmp_path}


@pytest.fixture
def a_service(settings_of, tmp_path):
    @asynccontextmanager
    async def start():
        async with running_service(tmp_path, **settings_of) as service:
            yield service

    return start


@pytest.fixture
async def connection(dsn):
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


@pytest.fixture
def user_cli(settings_of):
    async def run(*words, code=0):
        ended_with, output, errors = await run_cli("user", *words, **settings_of)
        assert code == ended_with, errors
        return output if code == 0 else errors

    return run


def a_book(name):
    return {"name": name, "currency": "KRW"}


async def erase(client, token):
    return await ask(client, "DELETE", ME, {"password": PASSWORD}, token=token)


async def test_account_erased_on_one_worker_is_gone_on_another_at_once_or_within_a_second(a_service):
    async with a_service() as one, a_service() as two:
        here, elsewhere = one.client(), two.client()
        token = await sign_up_and_in(here)
        _, book = await ask(elsewhere, "POST", "/books", a_book("혼자"), token=token)
        entry = {"kind": "expense", "amount": "12000", "memo": "병원"}
        status, _ = await ask(elsewhere, "POST", f"/books/{book['id']}/entries", entry, token=token)
        assert 201 == status

        assert (204, None) == await erase(here, token)

        # The other has book and key in memory; the token may pass for a moment, but there is nothing to be had by it.
        status, body = await ask(elsewhere, "GET", f"/books/{book['id']}", token=token)
        assert status in {401, 404}, body
        status, body = await ask(elsewhere, "POST", f"/books/{book['id']}/entries", entry, token=token)
        assert status in {401, 404}, body
        async with asyncio.timeout(1):
            while (await ask(elsewhere, "GET", ME, token=token))[0] != 401:
                pass


async def test_kill_in_the_middle_of_an_erasure_leaves_all_or_nothing_and_it_can_be_asked_again(
    a_service, connection, dsn
):
    async with a_service() as service:
        client = service.client()
        token = await sign_up_and_in(client)
        _, me = await ask(client, "GET", ME, token=token)
        _, book = await ask(client, "POST", "/books", a_book("혼자"), token=token)
        holder = await asyncpg.connect(dsn)
        await holder.execute("BEGIN")
        await holder.execute("SELECT FROM eventstore.journals WHERE journal_id = $1 FOR UPDATE", book["id"])
        asked = asyncio.create_task(erase(client, token))
        await until(lambda: connection.fetchval(WAITING))
        await service.kill()
        await asyncio.wait([asked])
        assert asked.exception() is not None
        await holder.close()

    journals = [me["id"], book["id"]]
    keys = "SELECT count(*) FROM eventstore.journal_keys WHERE journal_id = ANY ($1)"
    assert 2 == await connection.fetchval(keys, journals)
    async with a_service() as service:
        client = service.client()
        token = await sign_in(client)
        assert "혼자" == (await ask(client, "GET", f"/books/{book['id']}", token=token))[1]["name"]
        assert (204, None) == await erase(client, token)
    assert 0 == await connection.fetchval(keys, journals)


async def test_admins_list_show_and_erase_users_and_give_them_roles(a_service, user_cli, settings_of):
    async with a_service() as service:
        client = service.client()
        token = await sign_up_and_in(client)
        _, me = await ask(client, "GET", ME, token=token)
        (listed,) = orjson.loads(await user_cli("list", "--json"))
        assert {"id": me["id"], "email": me["email"], "name": me["name"]} == listed

        await user_cli("grant", me["email"], "auditor")
        code, _, log = await run_cli("user", "grant", me["id"], "admin", **settings_of)
        told = orjson.loads(log)
        assert (0, "user.role_granted", me["id"]) == (code, told["topic"], told["user_id"])
        await user_cli("take", me["id"], "auditor")
        shown = orjson.loads(await user_cli("show", me["email"], "--json"))
        assert (["admin"], False, 1, 0) == tuple(shown[key] for key in ("roles", "erased", "sessions", "api_tokens"))
        assert "no-role" in await user_cli("grant", me["id"], "no-role", code=2)

        await user_cli("end-sessions", me["email"])
        async with asyncio.timeout(1):
            while (await ask(client, "GET", ME, token=token))[0] != 401:
                pass

        await ask(client, "POST", "/books", a_book("혼자"), token=await sign_in(client))
        await user_cli("erase", me["email"], code=1)  # nobody says yes
        assert "no" in await user_cli("erase", "nobody@example.com", "--yes", code=1)
        await user_cli("erase", me["email"], "--yes")
        await user_cli("erase", me["id"], "--yes")
        assert "There is no such user" in await user_cli("grant", me["id"], "admin", code=1)
        assert [{"id": me["id"], "email": None, "name": None}] == orjson.loads(await user_cli("list", "--json"))
        shown = orjson.loads(await user_cli("show", me["id"], "--json"))
        assert (True, None, 0) == (shown["erased"], shown["email"], shown["sessions"])


async def test_migrate_destroys_keys_of_erased_journals_that_a_backup_brought_back(
    a_service, user_cli, settings_of, connection
):
    async with a_service() as service:
        token = await sign_up_and_in(service.client())
        _, me = await ask(service.client(), "GET", ME, token=token)
    kept = await connection.fetchrow("SELECT * FROM eventstore.journal_keys WHERE journal_id = $1", me["id"])
    await user_cli("erase", me["id"], "--yes")
    await connection.execute("INSERT INTO eventstore.journal_keys VALUES ($1, $2)", *kept)

    # Read anew while the key is back, as a rebuild would.
    await connection.execute("DELETE FROM readmodels.checkpoints WHERE journal_id = $1", me["id"])
    assert me["email"] in await user_cli("list")

    code, output, errors = await run_cli("migrate", **settings_of)
    assert (0, "1 keys of erased journals destroyed again\n") == (code, output), errors
    assert (0, "nothing to do\n", "") == await run_cli("migrate", **settings_of)
    assert me["email"] not in await user_cli("list")
