"""The throttle: who fails has to wait, on every worker, exactly; owners are not locked out; the tables stay small."""

import asyncio
import random

import pytest

from auth.errors import TooManyAttempts
from auth.throttle import KNOWN_SECONDS, SIGN_IN, SIGN_UP, Attempt, Limit, Purpose, Throttle
from eventstore.database import open_database
from tests.given import an_id

SECRET = bytes(32)
MINA, JUN = an_id(1), an_id(2)
HOME, ELSEWHERE = "192.0.2.1", "198.51.100.7"
AT_HOME = Attempt(SIGN_IN, MINA, HOME)
PAIR, ACCOUNT, ADDRESS = (limit.free for limit in (SIGN_IN.pair, SIGN_IN.account, SIGN_IN.address))


@pytest.fixture
def throttle(database):
    return Throttle(database, SECRET)


@pytest.fixture
async def other_worker(dsn):
    async with open_database(dsn, pool_size_max=10) as database:
        yield Throttle(database, SECRET)


@pytest.fixture
def time_passes(owner):
    """Let time pass: all that was noted was noted so much earlier."""

    async def passes(seconds):
        shift = f"- interval '{seconds} seconds'"
        await owner.execute(
            f"UPDATE throttle.attempts SET tried_at = tried_at {shift}, expires_at = expires_at {shift}"
        )
        await owner.execute(f"UPDATE throttle.known_addresses SET expires_at = expires_at {shift}")

    return passes


async def wait_of(throttle, attempt):
    """Try. Returns: the seconds to wait, 0 where it was let through."""
    try:
        await throttle.admit(attempt)
    except TooManyAttempts as refused:
        return refused.retry_after_seconds
    return 0


async def fail(throttle, attempt, times):
    for _ in range(times):
        assert 0 == await wait_of(throttle, attempt)


async def failures(owner):
    return [round(row["failures"], 1) for row in await owner.fetch("SELECT failures FROM throttle.attempts")]


# ── waiting ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_failures_are_free_at_first_then_each_doubles_the_wait_up_to_a_quarter_of_an_hour(throttle, time_passes):
    attempt = Attempt(Purpose("never forgotten", Limit(PAIR, 1e9), None, None), MINA, HOME)
    await fail(throttle, attempt, PAIR)
    waits = []
    for _ in range(13):
        waits.append(await wait_of(throttle, attempt))
        await time_passes(waits[-1])
        await fail(throttle, attempt, 1)
    assert [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900] == waits


async def test_who_comes_back_too_early_is_refused_and_waits_no_longer_for_it(throttle, time_passes):
    await fail(throttle, AT_HOME, PAIR)
    for _ in range(3):
        await time_passes(await wait_of(throttle, AT_HOME))
        await fail(throttle, AT_HOME, 1)
    assert [8, 8] == [await wait_of(throttle, AT_HOME) for _ in range(2)]
    await time_passes(7)
    assert 1 == await wait_of(throttle, AT_HOME)
    await time_passes(1)
    assert 0 == await wait_of(throttle, AT_HOME)


async def test_failure_is_forgotten_after_its_time(throttle, time_passes):
    await fail(throttle, AT_HOME, PAIR)
    await time_passes(2 * SIGN_IN.pair.forget_seconds + 1)
    await fail(throttle, AT_HOME, 2)
    assert 1 == await wait_of(throttle, AT_HOME)


async def test_success_makes_earlier_failures_of_the_pair_count_no_more(throttle):
    await fail(throttle, AT_HOME, PAIR - 1)
    await throttle.passed(await throttle.admit(AT_HOME))
    await fail(throttle, AT_HOME, PAIR)
    assert 1 == await wait_of(throttle, AT_HOME)


async def test_success_leaves_the_failures_of_account_and_address_as_they_were(throttle, owner):
    await fail(throttle, Attempt(SIGN_IN, JUN, HOME), 2)
    await fail(throttle, Attempt(SIGN_IN, MINA, ELSEWHERE), 3)
    await throttle.passed(await throttle.admit(AT_HOME))
    # jun's pair and account, mina's pair elsewhere, elsewhere; mina's own pair; mina's account; home
    assert sorted([2, 2, 3, 3, 0, 3, 2]) == sorted(await failures(owner))


async def test_attempt_withdrawn_counts_for_nothing(throttle, owner):
    for _ in range(3 * PAIR):
        await throttle.withdraw(await throttle.admit(AT_HOME))
    assert [0, 0, 0] == await failures(owner)


# ── for whom ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_workers_share_what_they_count(throttle, other_worker):
    await fail(throttle, AT_HOME, PAIR - 1)
    await fail(other_worker, AT_HOME, 1)
    assert [1, 1] == [await wait_of(throttle, AT_HOME), await wait_of(other_worker, AT_HOME)]


async def test_account_is_limited_over_all_addresses_that_are_not_known(throttle):
    for number in range(ACCOUNT):
        await fail(throttle, Attempt(SIGN_IN, MINA, f"203.0.113.{number}"), 1)
    assert 1 == await wait_of(throttle, AT_HOME)
    assert 0 == await wait_of(throttle, Attempt(SIGN_IN, JUN, HOME))


async def test_address_is_limited_over_all_accounts(throttle):
    for number in range(ADDRESS):
        await fail(throttle, Attempt(SIGN_IN, an_id(number), HOME), 1)
    assert 1 == await wait_of(throttle, Attempt(SIGN_IN, an_id(ADDRESS), HOME))
    assert 0 == await wait_of(throttle, Attempt(SIGN_IN, an_id(ADDRESS), ELSEWHERE))


async def test_addresses_of_one_ipv6_network_count_as_one(throttle):
    for number in range(PAIR):
        await fail(throttle, Attempt(SIGN_IN, MINA, f"2001:db8::{number}:1"), 1)
    assert 1 == await wait_of(throttle, Attempt(SIGN_IN, MINA, "2001:db8::ffff"))
    assert 0 == await wait_of(throttle, Attempt(SIGN_IN, MINA, "2001:db8:0:1::ffff"))


async def test_owner_at_a_known_address_is_not_locked_out_by_strangers(throttle):
    await throttle.passed(await throttle.admit(AT_HOME))
    for number in range(ACCOUNT):
        await fail(throttle, Attempt(SIGN_IN, MINA, f"203.0.113.{number}"), 1)
    for number in range(ADDRESS):
        await fail(throttle, Attempt(SIGN_IN, an_id(100 + number), HOME), 1)
    assert 1 == await wait_of(throttle, Attempt(SIGN_IN, MINA, ELSEWHERE))
    await fail(throttle, AT_HOME, PAIR)
    assert 1 == await wait_of(throttle, AT_HOME)


@pytest.mark.parametrize(("passed_seconds", "wait_seconds"), [(KNOWN_SECONDS - 60, 0), (KNOWN_SECONDS + 1, 1)])
async def test_address_is_known_for_a_while_and_not_for_ever(throttle, time_passes, passed_seconds, wait_seconds):
    await throttle.passed(await throttle.admit(AT_HOME))
    await time_passes(passed_seconds)
    for number in range(ACCOUNT):
        await fail(throttle, Attempt(SIGN_IN, MINA, f"203.0.113.{number}"), 1)
    assert wait_seconds == await wait_of(throttle, AT_HOME)


async def test_sign_up_is_limited_by_address_and_never_makes_an_address_known(throttle, owner):
    for number in range(SIGN_UP.address.free):
        await fail(throttle, Attempt(SIGN_UP, an_id(number), HOME), 1)
    assert 1 == await wait_of(throttle, Attempt(SIGN_UP, MINA, HOME))
    await throttle.passed(await throttle.admit(Attempt(SIGN_UP, MINA, ELSEWHERE)))
    assert 0 == await owner.fetchval("SELECT count(*) FROM throttle.known_addresses")


async def test_purposes_are_counted_apart(throttle):
    await fail(throttle, AT_HOME, PAIR)
    assert 0 == await wait_of(throttle, Attempt(SIGN_UP, MINA, HOME))


async def test_tables_tell_of_nobody_without_the_secret(throttle, database, owner):
    await throttle.passed(await throttle.admit(AT_HOME))
    await throttle.passed(await Throttle(database, b"another").admit(AT_HOME))
    keys = {row["key"] for row in await owner.fetch("SELECT key FROM throttle.attempts")}
    assert 6 == len(keys)
    assert MINA not in keys


# ── under concurrency ────────────────────────────────────────────────────────────────────────────────────


async def test_burst_of_guesses_on_two_workers_lets_through_no_more_than_one_after_the_other(throttle, other_worker):
    waits = await asyncio.gather(*(wait_of((throttle, other_worker)[n % 2], AT_HOME) for n in range(100)))
    assert [0] * PAIR + [1] * (100 - PAIR) == sorted(waits)


async def test_burst_from_everywhere_is_let_through_as_often_as_the_account_allows(throttle, other_worker):
    attempts = [Attempt(SIGN_IN, MINA, f"203.0.113.{number}") for number in range(100)]
    waits = await asyncio.gather(*(wait_of((throttle, other_worker)[n % 2], one) for n, one in enumerate(attempts)))
    assert [0] * ACCOUNT + [1] * (100 - ACCOUNT) == sorted(waits)


async def test_attempt_that_another_worker_noted_a_moment_later_makes_nobody_wait(throttle, time_passes):
    """The time is taken before the rows are read, so a row may be younger than it."""
    await fail(throttle, AT_HOME, 1)
    await time_passes(-5)
    assert 0 == await wait_of(throttle, AT_HOME)


async def test_refused_attempt_counts_for_none_of_its_keys(throttle, owner):
    await fail(throttle, AT_HOME, PAIR)
    await asyncio.gather(*(wait_of(throttle, AT_HOME) for _ in range(20)))
    assert [PAIR] * 3 == await failures(owner)


async def test_attempts_of_all_kinds_at_once_never_deadlock(throttle, other_worker):
    many = Purpose("many", Limit(10_000, 900.0), Limit(10_000, 900.0), Limit(10_000, 900.0))
    chance = random.Random(1)

    async def try_something(worker):
        attempt = Attempt(many, an_id(chance.randrange(5)), f"192.0.2.{chance.randrange(5)}")
        admitted = await worker.admit(attempt)
        await chance.choice([worker.passed, worker.withdraw, lambda _: worker.purge(10, 10)])(admitted)

    work = (try_something(worker) for worker in (throttle, other_worker) for _ in range(200))
    assert {None} == set(await asyncio.gather(*work, return_exceptions=True))


# ── bounded ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_purge_forgets_what_has_expired_and_nothing_else(throttle, owner, time_passes):
    await throttle.passed(await throttle.admit(Attempt(SIGN_IN, JUN, ELSEWHERE)))
    await time_passes(KNOWN_SECONDS + 1)
    await fail(throttle, AT_HOME, PAIR)
    await throttle.purge()
    assert [PAIR] * 3 == await failures(owner)
    assert 0 == await owner.fetchval("SELECT count(*) FROM throttle.known_addresses")


async def test_flood_of_made_up_accounts_keeps_no_more_than_fits_and_those_who_failed_most(throttle, owner):
    flood = Purpose("flood", Limit(5, 900.0), None, None)
    await fail(throttle, Attempt(flood, MINA, HOME), 4)
    await asyncio.gather(*(throttle.admit(Attempt(flood, an_id(number), HOME)) for number in range(10, 310)))
    await throttle.purge(attempts_max=50)
    kept = await failures(owner)
    assert (50, 4) == (len(kept), max(kept))
    await throttle.purge(attempts_max=50)
    assert kept == await failures(owner)


async def test_flood_of_addresses_keeps_no_more_that_are_known_than_fits(throttle, owner):
    for number in range(20):
        await throttle.passed(await throttle.admit(Attempt(SIGN_IN, MINA, f"203.0.113.{number}")))
    await throttle.purge(known_max=7)
    assert 7 == await owner.fetchval("SELECT count(*) FROM throttle.known_addresses")
    await throttle.passed(await throttle.admit(AT_HOME))
