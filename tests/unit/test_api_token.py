"""API tokens: what opens, until when, and what is noted of their use."""

from datetime import UTC, date, datetime, timedelta

import pytest

from auth.api_token import REVOKED_BY_OWNER, ApiSecret, ApiToken, with_implied
from auth.session import RefreshToken
from tests.given import an_id, given

START = datetime(2026, 11, 23, tzinfo=UTC)
END = START + timedelta(days=90)
SECRET = ApiSecret(an_id(1), an_id(2), bytes(32))
OTHER = ApiSecret(an_id(1), an_id(2), b"x" * 32)
TODAY = date(2026, 11, 23)


def a_token():
    return ApiToken(SECRET.token_id, "script", SECRET.digest, ["read"], None, END)


def test_token_opens_for_its_secret_until_it_expires():
    token = a_token()
    assert token.opens_for(SECRET, END - timedelta(microseconds=1))
    assert not token.opens_for(SECRET, END)
    assert not token.opens_for(OTHER, START)


def test_token_revoked_opens_no_more():
    token = (
        given(a_token())
        .when(lambda token: token.revoke(REVOKED_BY_OWNER))
        .then((ApiToken.Revoked, {"reason": REVOKED_BY_OWNER}))
    )
    assert not token.opens_for(SECRET, START)


def test_token_is_revoked_once():
    given(a_token(), lambda token: token.revoke("x")).when(lambda token: token.revoke("y")).then()


def test_use_is_noted_once_a_day_and_never_backwards():
    token = a_token()
    given(token).when(lambda token: token.note_use(TODAY)).then((ApiToken.Used, {"used_on": TODAY}))
    for day in (TODAY, TODAY - timedelta(days=1)):
        given(token).when(lambda token, day=day: token.note_use(day)).then()
    tomorrow = TODAY + timedelta(days=1)
    given(token).when(lambda token: token.note_use(tomorrow)).then((ApiToken.Used, {"used_on": tomorrow}))


@pytest.mark.parametrize(
    ("given_scopes", "meant"),
    [(["read"], ["read"]), (["write"], ["read", "write"]), (["write", "read"], ["read", "write"])],
)
def test_who_may_write_may_read(given_scopes, meant):
    assert meant == with_implied(given_scopes)


def test_secret_reads_as_written_and_is_known_by_its_prefix():
    assert SECRET.text.startswith("gyb_")
    assert ApiSecret.parse(SECRET.text) == SECRET


def test_secret_is_no_refresh_token_and_a_refresh_token_no_secret():
    refresh_token = RefreshToken(an_id(1), an_id(2), bytes(32))
    assert ApiSecret.parse(refresh_token.text) is None
    assert RefreshToken.parse(SECRET.text) is None


@pytest.mark.parametrize("text", ["", "gyb_", f"gyb_{SECRET.text}", f" {SECRET.text}", f"{SECRET.text}=", "gyb_가"])
def test_secret_malformed_is_refused(text):
    assert ApiSecret.parse(text) is None


def test_token_and_secret_show_nothing_when_printed():
    assert f"ApiToken({an_id(2)})" == repr(a_token())
    assert "secret=" not in repr(SECRET)
