"""Passwords: judged, hashed, verified, rehashed."""

import asyncio
import time

import argon2
import pytest

from auth import passwords as module
from auth.errors import TooManySignIns, WeakPassword
from auth.passwords import Passwords, owasp_hasher

EMAIL = "minsu.kim@example.com"
NAME = "Kim Minsu"
PASSWORD = "blue-teapot-42"
TOO_CLOSE = "This is too close to your e-mail address or name, or to the name of this service."


@pytest.fixture
def passwords():
    passwords = Passwords(owasp_hasher())
    yield passwords
    passwords.close()


async def test_password_hash_has_the_parameters_of_owasp(passwords):
    parameters = argon2.extract_parameters(await passwords.hash(PASSWORD))
    assert parameters.type == argon2.Type.ID
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19 * 1024, 2, 1)


async def test_password_verifies_and_another_does_not(passwords):
    password_hash = await passwords.hash(PASSWORD)
    assert await passwords.verify(password_hash, PASSWORD)
    assert not await passwords.verify(password_hash, PASSWORD + " ")


async def test_password_is_hashed_anew_each_time(passwords):
    assert await passwords.hash(PASSWORD) != await passwords.hash(PASSWORD)


@pytest.mark.parametrize("password", ["\0" * 8, "\0" * 9, "가계부를 쓰는 우리 집", "😀" * 128])
async def test_password_of_any_characters_is_told_from_another(passwords, password):
    password_hash = await passwords.hash(password)
    assert await passwords.verify(password_hash, password)
    assert not await passwords.verify(password_hash, password[:-1])


async def test_password_of_nobody_never_verifies_and_costs_the_same(passwords):
    password_hash = await passwords.hash(PASSWORD)

    async def seconds(known_hash):
        start = time.thread_time()
        assert not passwords._matches(known_hash or passwords._nobodys_hash, "wrong")
        return time.thread_time() - start

    assert not await passwords.verify(None, PASSWORD)
    known = min([await seconds(password_hash) for _ in range(5)])
    unknown = min([await seconds(None) for _ in range(5)])
    assert 0.5 < unknown / known < 2


async def test_password_hashed_with_other_parameters_needs_a_rehash(passwords):
    older = argon2.PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
    assert await passwords.verify(older, PASSWORD)
    assert passwords.needs_rehash(older)
    assert not passwords.needs_rehash(await passwords.hash(PASSWORD))


async def test_password_work_leaves_the_loop_free(passwords):
    work = asyncio.gather(*(passwords.hash(PASSWORD) for _ in range(4)))
    turns = 0
    while not work.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 10


async def test_password_work_beyond_what_may_wait_is_refused(passwords, monkeypatch):
    monkeypatch.setattr(module, "WAITING_MAX", 1)
    outcomes = await asyncio.gather(*(passwords.hash(PASSWORD) for _ in range(3)), return_exceptions=True)
    assert [isinstance(outcome, TooManySignIns) for outcome in outcomes] == [False, True, True]
    assert await passwords.hash(PASSWORD)


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        "correct horse battery staple",
        "xK9#mQ2z",  # eight random characters
        "가계부를쓰는우리집",
        "x" * 20 + " but then more",
        "long enough passphrase " * 5,
    ],
)
async def test_password_hard_to_guess_is_accepted(passwords, password):
    await passwords.require_strong(password, EMAIL, NAME)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("password", "This is a top-10 common password."),
        ("12345678", "This is a top-10 common password."),
        ("Password1!", "This is similar to a commonly used password."),
        ("qwertyuiop", "This is a top-100 common password."),
        ("aaaaaaaa", 'Repeats like "aaa" are easy to guess.'),
        ("19870301", "Dates are often easy to guess."),
        ("monkey123", "This is a very common password."),
        ("minsu.kim@example.com", TOO_CLOSE),
        ("MINSU.KIM", TOO_CLOSE),
        ("Kim Minsu", TOO_CLOSE),
        ("minsukim", TOO_CLOSE),
        ("minsu.kim1", TOO_CLOSE),
        ("gagyebu1", TOO_CLOSE),
        ("gagyebu2026", TOO_CLOSE),
        ("가계부1234", TOO_CLOSE),
    ],
)
async def test_password_easy_to_guess_is_refused_with_the_reason(passwords, password, reason):
    with pytest.raises(WeakPassword) as refusal:
        await passwords.require_strong(password, EMAIL, NAME)
    assert ("password", reason, reason) == (refusal.value.field, refusal.value.message, str(refusal.value))


async def test_passwords_judged_at_once_do_not_see_each_others_names(passwords):
    """zxcvbn keeps the names in a module-level table."""
    names = [f"Zq{number}xvkwj" for number in range(20)]

    async def refused(password, name):
        try:
            await passwords.require_strong(password, "someone@example.com", name)
        except WeakPassword:
            return True
        return False

    own = await asyncio.gather(*(refused(name, name) for name in names))
    others = await asyncio.gather(*(refused(name, other) for name, other in zip(names, names[::-1], strict=True)))
    assert (own, others) == ([True] * 20, [False] * 20)


async def test_password_made_to_be_costly_to_judge_is_judged_soon(passwords):
    start = time.process_time()
    await passwords.require_strong(("(6<@0{[3!1|7$5%2+x" * 8)[:128], EMAIL, NAME)
    assert time.process_time() - start < 1
