"""Signed out is signed out: on every worker, whatever happens to what tells them."""

import time
from contextlib import asynccontextmanager

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from auth.tokens import LIFETIME as ACCESS_TOKEN_LIFETIME
from eventstore.processes import running
from projections.denylist import MARGIN, Denylist
from tests.conftest import MASTER_KEY
from tests.fault.processes import ask, run_cli, running_service, sign_in, sign_up_and_in
from tests.fault.proxy import proxied
from tests.fault.until import until

REFUSED_WITHIN_SECONDS = 1.0


@pytest.fixture
def a_worker(empty_dsn, tmp_path):
    """Starts a service on this test's database, by another way to it if one is named: yields a client of it."""

    @asynccontextmanager
    async def start(way=empty_dsn):
        async with running_service(tmp_path, database_url=way, master_key=MASTER_KEY.text) as service:
            yield service.client()

    return start


@pytest.fixture
async def migrated(empty_dsn):
    code, output, errors = await run_cli("migrate", database_url=empty_dsn)
    assert (0, "") == (code, errors), output
    return empty_dsn


async def accepts(client, token):
    status, _ = await ask(client, "GET", "/users/me/sessions", token=token)
    assert status in {200, 401}
    return status == 200


async def sign_out(client, token):
    assert (204, None) == await ask(client, "POST", "/users/signout", token=token)


async def seconds_until_refused(client, token):
    began_at = time.perf_counter()
    while await accepts(client, token):
        assert time.perf_counter() - began_at < REFUSED_WITHIN_SECONDS
    return time.perf_counter() - began_at


async def test_a_sign_out_is_effective_at_once_here_and_within_a_second_elsewhere(migrated, a_worker, record_property):
    async with a_worker() as here, a_worker() as elsewhere:
        living = await sign_up_and_in(here)
        measured = []
        for _ in range(10):
            token = await sign_in(here)
            assert await accepts(elsewhere, token)
            await sign_out(here, token)
            assert not await accepts(here, token)
            measured.append(await seconds_until_refused(elsewhere, token))
        assert await accepts(here, living)
        assert await accepts(elsewhere, living)
    milliseconds = [round(seconds * 1000, 1) for seconds in sorted(measured)]
    record_property("refused_elsewhere_after_ms", milliseconds)
    print("refused on the other worker after", milliseconds, "ms")  # noqa: T201


async def test_a_worker_that_lost_its_feed_asks_the_database_until_it_is_back(migrated, a_worker):
    async with proxied(migrated) as wire, a_worker() as here, a_worker(wire.dsn) as elsewhere:
        living = await sign_up_and_in(here)
        tokens = [await sign_in(here) for _ in range(4)]
        assert all([await accepts(elsewhere, token) for token in tokens])
        wire.closed = True  # its pool stays, but the feed cannot come back
        wire.cut(feeds_only=True)
        for token in tokens[:2]:
            await sign_out(here, token)
            await seconds_until_refused(elsewhere, token)
            assert await accepts(elsewhere, living)
        asked = wire.round_trips
        assert not await accepts(elsewhere, tokens[0])
        assert wire.round_trips > asked
        await sign_out(here, tokens[2])
        assert not await accepts(elsewhere, tokens[2])  # at once: nothing is taken from memory now
        wire.closed = False
        await until(lambda: any(connection.is_feed for connection in wire.connections))
        await until(lambda: answers_from_memory(wire, elsewhere, tokens[0]))
        assert not await accepts(elsewhere, tokens[2])
        await sign_out(here, tokens[3])
        await seconds_until_refused(elsewhere, tokens[3])
        assert await accepts(elsewhere, living)


async def answers_from_memory(wire, client, ended):
    asked = wire.round_trips
    assert not await accepts(client, ended)
    return wire.round_trips == asked


async def test_feeds_that_the_database_ends_again_and_again_let_no_ended_session_in(migrated, a_worker):
    async with a_worker() as here, a_worker() as elsewhere:
        living = await sign_up_and_in(here)
        tokens = [await sign_in(here) for _ in range(6)]
        maintenance = await asyncpg.connect(migrated)
        for token in tokens:
            await until(lambda: end_feeds(maintenance))
            await sign_out(here, token)
            assert not await accepts(here, token)
            await seconds_until_refused(elsewhere, token)
            assert await accepts(here, living)
            assert await accepts(elsewhere, living)
        await maintenance.close()


async def end_feeds(connection):
    return await connection.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND query LIKE '%FROM denylist WHERE expires_at >%'"
    )


async def test_sessions_ended_all_at_once_are_refused_at_once_here_and_within_a_second_elsewhere(migrated, a_worker):
    async with a_worker() as here, a_worker() as elsewhere:
        living = await sign_up_and_in(here)
        tokens = [await sign_in(here) for _ in range(5)]
        assert all([await accepts(elsewhere, token) for token in tokens])
        assert (204, None) == await ask(here, "DELETE", "/users/me/sessions", token=living)
        assert not any([await accepts(here, token) for token in tokens])
        for token in tokens:
            await seconds_until_refused(elsewhere, token)
        assert await accepts(here, living)
        assert await accepts(elsewhere, living)


async def test_a_restart_forgets_no_sign_out(migrated, a_worker):
    async with a_worker() as here:
        living = await sign_up_and_in(here)
        ended = await sign_in(here)
        await sign_out(here, ended)
    async with a_worker() as again:
        assert not await accepts(again, ended)
        assert await accepts(again, living)


async def test_a_denial_lasts_as_long_as_any_access_token_of_its_session(client, dsn):
    token = await sign_up_and_in(client)
    await sign_out(client, token)
    connection = await asyncpg.connect(dsn)
    (lasts,) = await connection.fetchrow(
        "SELECT d.expires_at - e.recorded_at FROM readmodels.denylist d JOIN eventstore.events e USING (journal_id)"
        " WHERE e.topic = 'session.ended'"
    )
    await connection.close()
    assert lasts == ACCESS_TOKEN_LIFETIME + MARGIN


async def test_denials_that_expired_are_forgotten_in_memory_and_in_the_database(engine, dsn):
    user, soon, later = uuid7(), uuid7(), uuid7()
    connection = await asyncpg.connect(dsn, server_settings={"search_path": "readmodels"})
    denylist = Denylist(engine)
    async with running(denylist.run(dsn)):
        await connection.executemany(
            "INSERT INTO denylist VALUES ($1, $2, now() + $3::text::interval)",
            [(user, soon, "400 milliseconds"), (user, later, "1 hour")],
        )
        await until(lambda: from_memory(denylist, user, soon))
        expires_at = denylist._expires_at[soon]
        await until(lambda: time.time() > expires_at)
        await denylist._purge(connection)
        assert [(later,)] == [tuple(row) for row in await connection.fetch("SELECT stream_id FROM denylist")]
        assert (False, True) == (denylist.is_denied(user, soon), denylist.is_denied(user, later))
    await connection.close()


async def test_a_copy_that_hears_nothing_does_not_trust_itself(engine, dsn):
    """Neither before its feed lives, nor after."""
    denylist = Denylist(engine)
    user, session = uuid7(), uuid7()
    assert await from_memory(denylist, user, session) is None
    async with running(denylist.run(dsn)):
        await until(lambda: is_known_to_live(denylist, user, session))
    await until(lambda: is_unknown(denylist, user, session))


async def from_memory(denylist, user, session):
    """None where the database had to be asked."""
    answer = denylist.is_denied(user, session)
    if isinstance(answer, bool):
        return answer
    await answer
    return None


async def is_known_to_live(denylist, user, session):
    return await from_memory(denylist, user, session) is False


async def is_unknown(denylist, user, session):
    return await from_memory(denylist, user, session) is None
