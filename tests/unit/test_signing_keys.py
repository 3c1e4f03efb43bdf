"""Signing keys: which one signs, which verify, and until when."""

from datetime import UTC, datetime, timedelta

from structlog.testing import capture_logs

from auth.commands.keys import SUPERSEDED_LIFETIME, states, token_keys, verifies_until
from auth.signing_keys import JOURNAL_ID, SigningKeys
from auth.tokens import LIFETIME, TokenKey
from tests.given import given

START = datetime(2026, 11, 23, tzinfo=UTC)
SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


def keys_of(*names, every=timedelta(days=1)):
    """Keys generated one after the other, as if recorded and loaded."""
    keys = SigningKeys(id=JOURNAL_ID)
    for number, name in enumerate(names):
        keys.generate(name, "public", SECRET, timestamp=START + number * every)
    return keys


def test_the_first_key_signs_and_has_no_end():
    keys = keys_of("first")
    assert ("first", None) == (keys.current.kid, verifies_until(keys.current))


def test_rotation_generates_a_key_that_signs_from_then_on():
    given(keys_of("first")).when(lambda keys: keys.rotate("second", "public", SECRET)).then(
        (SigningKeys.Generated, {"kid": "second", "public_key": "public", "private_key": SECRET})
    )
    assert "second" == keys_of("first", "second").current.kid


def test_rotation_at_once_retires_every_other_key_that_is_not_retired():
    keys = keys_of("first", "second")
    keys._retire("first")
    given(keys).when(lambda keys: keys.rotate("third", "public", SECRET, at_once=True)).then(
        (SigningKeys.Generated, {"kid": "third"}), (SigningKeys.Retired, {"kid": "second"})
    )
    assert ["third"] == [key.kid for key in keys.keys.values() if not key.retired]


def test_a_superseded_key_verifies_until_the_last_token_that_it_can_have_signed_expires():
    keys = keys_of("first", "second")
    assert START + timedelta(days=1) + SUPERSEDED_LIFETIME == verifies_until(keys.keys["first"])
    assert SUPERSEDED_LIFETIME > LIFETIME


def test_a_key_superseded_twice_ends_after_the_first_time():
    keys = keys_of("first", "second", "third")
    assert START + timedelta(days=1) == keys.keys["first"].superseded_at


def test_states_tell_what_each_key_does():
    keys = keys_of("retired", "expired", "verifies", "signs")
    keys._retire("retired")
    assert ["retired", "expired", "verifies", "signs"] == [key.kid for key, _ in states(keys, START)]
    at = START + timedelta(days=3)
    assert all(key.kid == state for key, state in states(keys, at))


def test_keys_whose_private_half_is_gone_leave_it_to_a_spare_one_and_not_silently():
    keys = keys_of("first")
    keys.current.private_key = None
    with capture_logs() as logs:
        (spare,) = token_keys(keys, bytes(32))
    assert TokenKey(bytes(32)).kid == spare.kid
    assert [("warning", spare.kid)] == [(line["log_level"], line["kid"]) for line in logs]


def test_keys_show_no_secret_when_printed():
    keys = keys_of("first")
    assert SECRET not in repr(keys)
    assert SECRET not in repr(keys.current)
    assert SECRET not in repr(keys.unrecorded_events())
