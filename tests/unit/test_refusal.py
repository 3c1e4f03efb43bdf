"""The refusal of a sign-in: as many a user and hour as there are ids."""

from datetime import UTC, datetime, timedelta

import pytest

from auth.errors import TooManyAttempts
from auth.refusal import RECORDED_MAX, WRONG_PASSWORD, SignInRefusal, refusal_id
from auth.throttle import WAIT_SECONDS_MAX, WAITS
from tests.given import an_id, given

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
USER, STRANGER = an_id(1), an_id(2)


def test_refusal_tells_why_whence_and_what_else():
    refusal = SignInRefusal(an_id(3), WRONG_PASSWORD, "curl", "192.0.2.9", 3)
    (event,) = refusal.unrecorded_events()
    assert ("wrong_password", "curl", "192.0.2.9", 3) == (event.reason, event.user_agent, event.ip, event.unrecorded)
    assert given(refusal).then() is refusal


def test_refusals_of_an_hour_have_the_same_ids_at_any_time_of_it():
    ids = [refusal_id(USER, NOON, number) for number in range(RECORDED_MAX)]
    assert ids == [refusal_id(USER, NOON + timedelta(minutes=59), number) for number in range(RECORDED_MAX)]
    assert RECORDED_MAX == len(set(ids))


@pytest.mark.parametrize(("user", "at"), [(STRANGER, NOON), (USER, NOON + timedelta(hours=1))])
def test_refusals_of_another_user_or_hour_have_other_ids(user, at):
    assert refusal_id(USER, NOON, 0) != refusal_id(user, at, 0)


def test_waits_double_and_end_at_the_longest():
    assert [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, WAIT_SECONDS_MAX] == list(WAITS)


def test_refusal_of_too_many_attempts_says_how_long_to_wait():
    assert "There were too many attempts: try again in 8 seconds." == str(TooManyAttempts(8))
