"""Refused sign-ins in the journal: bounded by the hour on all workers together, and none of them forgotten."""

from datetime import UTC, datetime, timedelta

import pytest

from auth.commands.refusals import Refusals
from auth.refusal import RECORDED_MAX, WRONG_PASSWORD, SignInRefusal
from auth.user import User
from eventstore.codec import Metadata
from eventstore.store import Change
from tests.given import an_id

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.now = NOON

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def user(store):
    user = User(an_id(1), "mina@example.com", None, None, None, "$argon2id$")
    await store.append(Metadata(user.id, "test"), [Change(user.id, user)])
    return user


async def note(refusals, user_id, times):
    for _ in range(times):
        refusals.note(user_id, WRONG_PASSWORD, "guess", "curl", "203.0.113.9")
    await refusals.close()


async def unrecorded(store, user):
    """What each recorded refusal says of those before it that were not."""
    events = [recorded.event for recorded in await store.read(user.id)]
    return [event.unrecorded for event in events if isinstance(event, SignInRefusal.SignInRefused)]


async def test_refusals_beyond_the_bound_are_told_by_the_first_of_the_next_hour(store, user, clock):
    refusals = Refusals(store, clock)
    await note(refusals, user.id, RECORDED_MAX + 3)
    assert [0] * RECORDED_MAX == await unrecorded(store, user)
    clock.now += timedelta(hours=1)
    await note(refusals, user.id, 1)
    assert [0] * RECORDED_MAX + [3] == await unrecorded(store, user)


async def test_refusals_of_two_workers_share_the_bound_and_each_tells_of_its_own(store, neighbour, user, clock):
    here, there = Refusals(store, clock), Refusals(neighbour, clock)
    await note(here, user.id, RECORDED_MAX - 2)
    await note(there, user.id, 5)
    assert [0] * RECORDED_MAX == await unrecorded(store, user)
    clock.now += timedelta(hours=1)
    await note(there, user.id, 1)
    assert [0] * RECORDED_MAX + [3] == await unrecorded(store, user)


async def test_refusal_without_a_user_is_recorded_nowhere(store, user, clock):
    refusals = Refusals(store, clock)
    await note(refusals, None, 1)
    assert [] == await unrecorded(store, user)
