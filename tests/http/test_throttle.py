"""Guessing passwords: who fails too often waits, on any worker; owners are let in; refusals are recorded."""

import asyncio
import statistics
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network
from uuid import UUID

import asyncpg
import pytest
from aiohttp.test_utils import TestClient, TestServer

from auth import passwords
from auth.refusal import RECORDED_MAX, SignInRefusal
from auth.throttle import SIGN_IN, SIGN_UP
from service import open_app
from tests.http.conftest import PASSWORD, Household

EMAIL = "mina@example.com"
RIGHT = {"email": EMAIL, "password": PASSWORD}
WRONG = {"email": EMAIL, "password": f"{PASSWORD}x"}
LIMITED = (429, "too-many-attempts")
INVALID = (401, "invalid-credentials")
PAIR, ACCOUNT = SIGN_IN.pair.free, SIGN_IN.account.free
OWNER = "192.0.2.1"


@asynccontextmanager
async def worker(settings):
    """One more service on the same database."""
    async with open_app(settings, settings.database_url) as app, TestClient(TestServer(app)) as client:
        yield Household(client)


@pytest.fixture
def settings(settings):
    """Clients are behind a proxy on this machine, so that each test can be in many places."""
    return replace(settings, trusted_proxies=(ip_network("127.0.0.0/8"),))


@pytest.fixture
def time_passes(dsn):
    """Let time pass: all that was noted was noted so much earlier."""

    async def passes(seconds):
        connection = await asyncpg.connect(dsn)
        await connection.execute(f"UPDATE throttle.attempts SET tried_at = tried_at - interval '{seconds} seconds'")
        await connection.close()

    return passes


async def sign_in(guest, credentials, address=OWNER, **headers):
    return await guest.post("/users/signin", credentials, headers={"X-Forwarded-For": address, **headers})


async def fail(guest, times, address=OWNER, credentials=WRONG):
    answers = [await sign_in(guest, credentials, address) for _ in range(times)]
    assert [INVALID] * times == [answer.outcome for answer in answers]


async def refusals_of(store, user):
    """What is recorded of them, oldest first, once all that was noted is."""
    recorded = await store.read(UUID(user["id"]))
    return [one for one in recorded if isinstance(one.event, SignInRefusal.Event)]


# ── waiting ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_sign_in_after_too_many_failures_waits_as_long_as_it_is_told_and_then_succeeds(guest, time_passes):
    await guest.made("/users/signup", RIGHT)
    await fail(guest, PAIR)
    refused = await sign_in(guest, RIGHT)
    assert (*LIMITED, "1") == (*refused.outcome, refused.headers["Retry-After"])
    assert "1 seconds" in refused.json["detail"]
    await time_passes(int(refused.headers["Retry-After"]))
    assert 200 == (await sign_in(guest, RIGHT)).status


async def test_sign_in_waits_longer_after_each_failure(guest, time_passes):
    await fail(guest, PAIR)
    waits = []
    for _ in range(4):
        waits.append(int((await sign_in(guest, WRONG)).headers["Retry-After"]))
        await time_passes(waits[-1])
        await fail(guest, 1)
    assert [1, 2, 4, 8] == waits


async def test_workers_on_one_database_share_the_limits(guest, settings):
    await guest.made("/users/signup", RIGHT)
    async with worker(settings) as other:
        await fail(guest, 2)
        await fail(other, PAIR - 2)
        assert [LIMITED] * 2 == [(await sign_in(one, RIGHT)).outcome for one in (guest, other)]


async def test_burst_of_guesses_on_two_workers_tries_no_more_passwords_than_are_free(guest, settings):
    await guest.made("/users/signup", RIGHT)
    async with worker(settings) as other:
        answers = await asyncio.gather(*(sign_in((guest, other)[n % 2], WRONG) for n in range(100)))
    outcomes = [answer.outcome for answer in answers]
    assert (PAIR, 100 - PAIR) == (outcomes.count(INVALID), outcomes.count(LIMITED))


async def test_unknown_email_is_limited_as_a_known_one(guest):
    await guest.made("/users/signup", RIGHT)
    same = {"X-Request-Id": "same"}
    answers = []
    for email in (EMAIL, "who@example.com"):
        await fail(guest, PAIR, credentials={**WRONG, "email": email})
        answers.append(await sign_in(guest, {**WRONG, "email": email}, **same))
    known, unknown = answers
    assert LIMITED == known.outcome == unknown.outcome
    assert (known.content, known.headers["Retry-After"]) == (unknown.content, unknown.headers["Retry-After"])
    assert set(known.headers) == set(unknown.headers)


async def test_email_in_another_letter_case_is_the_same_account(guest):
    await fail(guest, PAIR)
    assert LIMITED == (await sign_in(guest, {**WRONG, "email": EMAIL.upper()})).outcome


async def test_sign_in_by_get_is_limited_with_that_by_post(guest):
    await fail(guest, PAIR)
    answer = await guest.get("/users/signin", json=RIGHT, headers={"X-Forwarded-For": OWNER})
    assert LIMITED == answer.outcome


async def test_sign_in_that_cannot_be_read_does_not_count(guest):
    for _ in range(PAIR + 1):
        assert 422 == (await sign_in(guest, {"email": EMAIL})).status
    assert INVALID == (await sign_in(guest, WRONG)).outcome


async def test_sign_ins_beyond_what_may_wait_are_503_at_once_and_do_not_count(guest, monkeypatch):
    await guest.made("/users/signup", RIGHT)
    monkeypatch.setattr(passwords, "WAITING_MAX", 1)
    for _ in range(PAIR):
        answers = await asyncio.gather(*(sign_in(guest, RIGHT) for _ in range(3)))
        assert {200, 503} == {answer.status for answer in answers}
        busy = [answer for answer in answers if answer.status == 503]
        assert {((503, "too-many-sign-ins"), "1")} == {(one.outcome, one.headers["Retry-After"]) for one in busy}
    assert 200 == (await sign_in(guest, RIGHT)).status


# ── owners and strangers ─────────────────────────────────────────────────────────────────────────────────


async def test_stranger_cannot_lock_out_an_owner_from_where_the_owner_signed_in_before(guest):
    await guest.made("/users/signup", RIGHT)
    assert 200 == (await sign_in(guest, RIGHT)).status
    for number in range(ACCOUNT):
        await fail(guest, 1, f"203.0.113.{number}")
    assert LIMITED == (await sign_in(guest, RIGHT, "198.51.100.1")).outcome
    assert 200 == (await sign_in(guest, RIGHT)).status


async def test_owner_who_forgets_and_remembers_begins_anew(guest):
    await guest.made("/users/signup", RIGHT)
    for _ in range(3):
        await fail(guest, PAIR - 1)
        assert 200 == (await sign_in(guest, RIGHT)).status


async def test_address_that_a_client_claims_without_a_trusted_proxy_counts_for_nothing(settings):
    async with worker(replace(settings, trusted_proxies=())) as guest:
        await guest.made("/users/signup", RIGHT)
        for number in range(PAIR):
            await fail(guest, 1, f"203.0.113.{number}")
        assert LIMITED == (await sign_in(guest, WRONG, "203.0.113.99")).outcome


async def test_session_shows_the_address_that_the_trusted_proxy_saw(guest):
    await guest.made("/users/signup", RIGHT)
    tokens = (await sign_in(guest, RIGHT, "198.51.100.1, 2001:db8::7")).json
    (session,) = (await Household(guest.client, tokens=tokens).get("/users/me/sessions")).items
    assert "2001:db8::7" == session["ip"]


# ── sign-up ──────────────────────────────────────────────────────────────────────────────────────────────


async def sign_up(guest, email, address=OWNER, password=PASSWORD):
    body = {"email": email, "password": password}
    return await guest.post("/users/signup", body, headers={"X-Forwarded-For": address})


async def test_sign_up_again_and_again_is_limited_for_the_address_and_nobody_else(guest):
    outcomes = [(await sign_up(guest, EMAIL)).status for _ in range(SIGN_UP.pair.free + 1)]
    assert [201] + [409] * (SIGN_UP.pair.free - 1) + [429] == outcomes
    assert 409 == (await sign_up(guest, EMAIL, "198.51.100.1")).status
    assert 201 == (await sign_up(guest, "jun@example.com")).status


async def test_sign_up_with_weak_passwords_does_not_count(guest):
    for _ in range(SIGN_UP.pair.free + 1):
        assert 422 == (await sign_up(guest, EMAIL, password="password")).status
    assert 201 == (await sign_up(guest, EMAIL)).status


# ── what is recorded ─────────────────────────────────────────────────────────────────────────────────────


async def test_refused_sign_in_is_an_event_in_the_users_journal(settings, store):
    async with worker(settings) as guest:
        user = await guest.made("/users/signup", RIGHT)
        await sign_in(guest, WRONG, "203.0.113.9", **{"User-Agent": "curl", "X-Request-Id": "guess"})
        await sign_in(guest, {**WRONG, "email": "who@example.com"})
    (refusal,) = await refusals_of(store, user)
    assert (None, "guess") == (refusal.actor, refusal.request_id)
    event = refusal.event
    assert ("wrong_password", "curl", "203.0.113.9", 0) == (event.reason, event.user_agent, event.ip, event.unrecorded)


async def test_flood_of_refusals_is_recorded_up_to_the_bound_on_all_workers_together(settings, store):
    async with worker(settings) as guest, worker(settings) as other:
        user = await guest.made("/users/signup", RIGHT)
        for number in range(RECORDED_MAX + 4):  # from known addresses, which the account's own limit leaves alone
            address = f"203.0.113.{number}"
            assert 200 == (await sign_in(guest, RIGHT, address)).status
            await fail((guest, other)[number % 2], 1, address)
    refusals = await refusals_of(store, user)
    hours = {refusal.recorded_at.hour for refusal in refusals}
    assert RECORDED_MAX <= len(refusals) <= RECORDED_MAX * len(hours)


async def test_refusal_is_logged_with_account_and_address_and_never_email_or_password(guest, capsys):
    user = await guest.made("/users/signup", RIGHT)
    await sign_in(guest, WRONG, "203.0.113.9")
    await sign_in(guest, {**WRONG, "email": "who@example.com"}, "203.0.113.9")
    known, unknown = [line for line in capsys.readouterr().out.splitlines() if "sign-in refused" in line]
    assert user["id"] in known
    assert "user_id=None" in unknown
    for line in (known, unknown):
        assert "203.0.113.9" in line
        assert "wrong_password" in line
        assert "@example.com" not in line
        assert PASSWORD not in line


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_wrong_password_and_unknown_email_take_the_same_time(guest):
    """Interleaved, so that whatever else the machine does falls on both; compared as pairs, by their medians."""
    await guest.made("/users/signup", RIGHT)
    known, unknown = [], []
    for number in range(40):
        address = f"2001:db8:{number:x}::1"
        assert 200 == (await sign_in(guest, RIGHT, address)).status  # a known address has a limit of its own
        emails = [(EMAIL, known), (f"who{number}@example.com", unknown)]
        for email, seconds in emails[:: -1 if number % 2 else 1]:
            began = time.perf_counter()
            await fail(guest, 1, address, {**WRONG, "email": email})
            seconds.append(time.perf_counter() - began)
    differences = [one - other for one, other in zip(known, unknown, strict=True)]
    assert abs(statistics.median(differences)) < 0.1 * statistics.median(unknown)
    faster = sum(difference < 0 for difference in differences)
    assert 8 <= faster <= 32  # for a fair coin the other way once in 20,000 runs
