"""Sessions: rotation, retry, reuse, expiry and end."""

import base64
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from auth import session as sessions
from auth.errors import InvalidRefreshToken
from auth.session import (
    IDLE_LIFETIME,
    LIFETIME,
    REFRESH_TOKEN_REUSED,
    RETRY_WINDOW,
    SIGNED_OUT,
    RefreshToken,
    Session,
)

KEY = bytes(range(32))
START = datetime(2026, 11, 23, tzinfo=UTC)
USER_ID = UUID("01935000-0000-7000-8000-000000000001")
SESSION_ID = UUID("01935000-0000-7000-8000-000000000002")
FIRST = RefreshToken(USER_ID, SESSION_ID, bytes(RefreshToken.SECRET_BYTES))
SECOND = FIRST.successor(KEY)
THIRD = SECOND.successor(KEY)
FORGED = RefreshToken(USER_ID, SESSION_ID, b"x" * RefreshToken.SECRET_BYTES)
MOMENT = timedelta(seconds=1)


def started(at=START):
    session = Session(id=SESSION_ID, refresh_hash=FIRST.digest, user_agent="Firefox", ip="192.0.2.1", amr=["pwd"])
    session.stamp(at, USER_ID)
    return session


def refresh(session, token, now, user_agent="Firefox", ip="192.0.2.1"):
    session.refresh(token, token.successor(KEY), now, user_agent, ip)


def given(*tokens, every=MOMENT):
    """A session in which these tokens were used in turn, and the time of the last use."""
    session, now = started(), START
    for token in tokens:
        now += every
        refresh(session, token, now)
        session.stamp(now, USER_ID)
    return session, now


def then(session):
    """What would be recorded."""
    return [
        {name: value for name, value in vars(event).items() if not name.startswith(("originator", "timestamp"))}
        for event in session.unrecorded_events()
    ]


def test_refresh_with_the_current_token_rotates_to_its_successor():
    session, now = given()
    refresh(session, FIRST, now + MOMENT)
    assert [{"refresh_hash": SECOND.digest, "user_agent": None, "ip": None}] == then(session)


def test_refresh_from_elsewhere_notes_what_changed():
    session, now = given()
    refresh(session, FIRST, now + MOMENT, user_agent="Firefox 2", ip="192.0.2.1")
    assert [{"refresh_hash": SECOND.digest, "user_agent": "Firefox 2", "ip": None}] == then(session)
    assert (session.user_agent, session.ip) == ("Firefox 2", "192.0.2.1")


def test_refresh_retried_soon_with_the_previous_token_records_nothing():
    session, now = given(FIRST)
    refresh(session, FIRST, now + RETRY_WINDOW)
    assert not then(session)
    assert SECOND.digest == session.refresh_hash


def test_refresh_retried_later_with_the_previous_token_ends_the_session():
    session, now = given(FIRST)
    refresh(session, FIRST, now + RETRY_WINDOW + timedelta(microseconds=1))
    assert then(session) == [{"reason": REFRESH_TOKEN_REUSED}]
    assert session.ended


def test_refresh_with_a_token_before_the_previous_ends_the_session_at_once():
    session, now = given(FIRST, SECOND)
    refresh(session, FIRST, now)
    assert then(session) == [{"reason": REFRESH_TOKEN_REUSED}]


def test_refresh_with_a_forged_token_is_refused_and_ends_nothing():
    session, now = given(FIRST)
    with pytest.raises(InvalidRefreshToken):
        refresh(session, FORGED, now)
    assert not then(session)


def test_refresh_with_a_future_token_is_refused_and_ends_nothing():
    session, now = given()
    with pytest.raises(InvalidRefreshToken):
        refresh(session, THIRD, now)
    assert not then(session)


@pytest.mark.parametrize("token", [FIRST, SECOND])
def test_refresh_of_an_ended_session_is_refused(token):
    session, now = given(FIRST)
    session.end(SIGNED_OUT)
    with pytest.raises(InvalidRefreshToken):
        refresh(session, token, now)


def test_refresh_just_before_the_idle_limit_is_accepted():
    session, now = given()
    refresh(session, FIRST, now + IDLE_LIFETIME - MOMENT)
    assert SECOND.digest == session.refresh_hash


def test_refresh_at_the_idle_limit_is_refused():
    session, now = given(FIRST)
    with pytest.raises(InvalidRefreshToken):
        refresh(session, SECOND, now + IDLE_LIFETIME)


def test_refresh_at_the_absolute_limit_is_refused_however_busy_the_session():
    session, now = given(FIRST, SECOND, THIRD, every=IDLE_LIFETIME - timedelta(days=1))
    assert LIFETIME > now - START > LIFETIME - IDLE_LIFETIME
    assert session.expires_on == START + LIFETIME
    with pytest.raises(InvalidRefreshToken):
        refresh(session, THIRD.successor(KEY), START + LIFETIME)


def test_refresh_is_refused_after_too_many_rotations(monkeypatch):
    monkeypatch.setattr(sessions, "ROTATIONS_MAX", 2)
    session, now = given(FIRST, SECOND)
    with pytest.raises(InvalidRefreshToken):
        refresh(session, THIRD, now)


def test_session_continues_with_its_current_token_alone():
    session, now = given(FIRST)
    assert [False, True, False, False] == [
        session.continues_with(token, now) for token in (FIRST, SECOND, THIRD, FORGED)
    ]
    assert not session.continues_with(SECOND, session.expires_on)
    session.end(SIGNED_OUT)
    assert not session.continues_with(SECOND, now)


def test_session_knows_the_tokens_that_it_issued():
    session, _ = given(FIRST)
    assert [True, True, False, False] == [session.has_issued(token) for token in (FIRST, SECOND, THIRD, FORGED)]


def test_session_ends_once():
    session, _ = given()
    session.end(SIGNED_OUT)
    session.end(SIGNED_OUT)
    assert then(session) == [{"reason": SIGNED_OUT}]


def test_session_and_token_show_no_secret_when_printed():
    session, _ = given()
    assert f"Session({SESSION_ID})" == repr(session)
    assert "secret" not in repr(FIRST)


def test_refresh_token_reads_as_written():
    assert RefreshToken.parse(SECOND.text) == SECOND


def test_refresh_token_successor_needs_the_key():
    assert FIRST.successor(KEY) == FIRST.successor(KEY)
    assert FIRST.successor(KEY) != FIRST.successor(bytes(32))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "가",
        FIRST.text[:-1],
        FIRST.text + "A",
        FIRST.text + "==",
        FIRST.text[:-1] + "B",  # the same bytes, spelled otherwise
        " " + FIRST.text,
        base64.b64encode(b"\xff" * 64).decode("ascii").rstrip("="),  # + and / instead of - and _
        "A" * 1_000_000,
    ],
)
def test_refresh_token_malformed_is_refused(text):
    assert RefreshToken.parse(text) is None
