"""Passkeys: registered, used once per challenge, suspected, removed; and the ceremonies that judge their answers."""

from datetime import UTC, datetime, timedelta

import pytest

from auth.ceremonies import CHALLENGE_LIFETIME, PUBLIC_KEY_BYTES_MAX, Ceremonies
from auth.errors import InvalidPasskey, PasskeyNotFound, TooManyPasskeys, UnusablePasskey
from auth.passkeys import PASSKEYS_MAX, Passkeys, passkey_id, passkeys_id
from tests.authenticator import Authenticator, decode, encode
from tests.given import an_id, given

USER, STRANGER, KEY, OTHER = map(an_id, range(1, 5))
MOMENT = timedelta(milliseconds=1)


def none_yet():
    return Passkeys(id=passkeys_id(USER))


def registered(key=KEY, sign_count=0):
    return lambda passkeys: passkeys.register(key, "id", "public key", "phone", sign_count, synced=True)


def used(sign_count=0, challenge="first", key=KEY):
    return lambda passkeys: passkeys.use(key, sign_count, challenge)


def removed(passkeys):
    passkeys.remove(KEY)


def test_passkey_is_registered():
    fields = {"passkey_id": KEY, "credential_id": "id", "public_key": "public key", "name": "phone", "synced": True}
    passkeys = given(none_yet()).when(registered()).then((Passkeys.Registered, fields))
    assert [KEY] == list(passkeys.live)


def test_passkey_that_was_here_before_is_not_taken_again():
    given(none_yet(), registered()).when(registered()).raises(UnusablePasskey)
    given(none_yet(), registered(), removed).when(registered()).raises(UnusablePasskey)


def test_passkeys_are_limited_and_a_removed_one_makes_room():
    full = [registered(an_id(100 + number)) for number in range(PASSKEYS_MAX - 1)]
    refused = given(none_yet(), registered(), *full).when(registered(OTHER)).raises(TooManyPasskeys)
    assert PASSKEYS_MAX == refused.passkeys_max
    given(none_yet(), registered(), *full, removed).when(registered(OTHER)).then((Passkeys.Registered, {}))


def test_use_is_noted_with_its_count_and_challenge():
    fields = {"passkey_id": KEY, "sign_count": 8, "challenge_hash": "first"}
    given(none_yet(), registered(sign_count=7)).when(used(8)).then((Passkeys.Used, fields))


def test_challenge_is_used_once_whichever_passkey_answers_it():
    given(none_yet(), registered(), used()).when(used()).raises(InvalidPasskey)
    given(none_yet(), registered(), registered(OTHER), used()).when(used(key=OTHER)).raises(InvalidPasskey)


def test_authenticator_that_does_not_count_may_be_used_again():
    given(none_yet(), registered(), used()).when(used(challenge="second")).then((Passkeys.Used, {}))


@pytest.mark.parametrize("sign_count", [0, 4, 5])
def test_count_that_is_not_ahead_is_suspected_and_noted_once(sign_count):
    again = used(sign_count, "second")
    passkeys = (
        given(none_yet(), registered(), used(5))
        .when(again)
        .then((Passkeys.CloneSuspected, {"passkey_id": KEY, "sign_count": sign_count}))
    )
    assert passkeys.live[KEY].clone_suspected
    assert not again(passkeys)
    assert 1 == len(passkeys.unrecorded_events())


def test_suspected_passkey_whose_count_is_ahead_again_lets_in():
    assert given(none_yet(), registered(), used(5), used(5, "second")).aggregate.use(KEY, 6, "third")


def test_removed_passkey_is_neither_used_nor_removed_again():
    given(none_yet(), registered()).when(removed).then((Passkeys.Removed, {"passkey_id": KEY}))
    given(none_yet(), registered(), removed).when(used()).raises(InvalidPasskey)
    given(none_yet(), registered(), removed).when(removed).raises(PasskeyNotFound)


def test_passkey_whose_key_was_erased_lets_nobody_in():
    def erased(passkeys):
        passkeys.live[KEY].public_key = None

    given(none_yet(), registered(), erased).when(used()).raises(InvalidPasskey)


@pytest.mark.parametrize(("synced", "word"), [(True, "swk"), (False, "hwk")])
def test_passkey_says_how_it_proves_itself(synced, word):
    passkeys = none_yet()
    passkeys.register(KEY, "id", "public key", "phone", 0, synced=synced)
    assert word == passkeys.live[KEY].amr


# ── ceremonies ───────────────────────────────────────────────────────────────────────────────────────────


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = datetime(2026, 11, 23, tzinfo=UTC)

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ceremonies(clock):
    return Ceremonies("https://Gagyebu.example:443", bytes(32), clock)


@pytest.fixture
def authenticator():
    return Authenticator(origin="https://gagyebu.example")


def attested(ceremonies, authenticator, user=USER):
    options = ceremonies.registration_options(USER, "kim@example.com", [])
    return ceremonies.verify_registration(user, authenticator.create(options))


def asserted(ceremonies, authenticator, public_key, answer=None):
    assertion = ceremonies.read_assertion(answer or authenticator.get(ceremonies.sign_in_options()))
    return ceremonies.verify(assertion, public_key)


def test_registration_shows_the_key(ceremonies, authenticator):
    found = attested(ceremonies, authenticator)
    assert passkey_id(authenticator.credential_id) == found.passkey_id
    assert encode(authenticator.credential_id) == found.credential_id
    assert (0, True) == (found.sign_count, found.synced)


def test_options_leave_out_what_is_registered_and_make_it_discoverable(ceremonies, authenticator):
    passkeys = given(none_yet(), lambda passkeys: passkeys.register(KEY, "aWQ", "k", "n", 0, synced=True)).aggregate
    options = ceremonies.registration_options(USER, "kim@example.com", passkeys.live.values())
    assert [{"id": "aWQ", "type": "public-key"}] == options["excludeCredentials"]
    assert "required" == options["authenticatorSelection"]["residentKey"]
    assert {"id": "gagyebu.example", "name": "gagyebu"} == options["rp"]
    assert USER.bytes == decode(options["user"]["id"])


def test_assertion_proves_count_and_verification(ceremonies, authenticator):
    key = attested(ceremonies, authenticator).public_key
    authenticator.counts = True
    proved = asserted(ceremonies, authenticator, key)
    authenticator.verifies = False
    assert (1, True) == (proved.sign_count, proved.user_verified)
    assert not asserted(ceremonies, authenticator, key).user_verified


def test_challenge_is_good_for_five_minutes(ceremonies, authenticator, clock):
    key = attested(ceremonies, authenticator).public_key
    answer = authenticator.get(ceremonies.sign_in_options())
    clock.now += CHALLENGE_LIFETIME
    assert asserted(ceremonies, authenticator, key, answer).user_verified
    clock.now += MOMENT
    with pytest.raises(InvalidPasskey):
        ceremonies.read_assertion(answer)


def test_challenges_are_told_apart_by_what_they_are_for(ceremonies, authenticator):
    attested(ceremonies, authenticator)
    of_registration = ceremonies.registration_options(USER, "kim@example.com", [])
    with pytest.raises(InvalidPasskey):
        ceremonies.read_assertion(authenticator.get(of_registration))
    with pytest.raises(UnusablePasskey):
        attested(ceremonies, Authenticator(origin=authenticator.origin), user=STRANGER)


def test_challenge_of_other_makers_is_refused(ceremonies, authenticator, clock):
    attested(ceremonies, authenticator)
    stranger = Ceremonies("https://gagyebu.example", b"x" * 32, clock)
    genuine = decode(ceremonies.sign_in_options()["challenge"])
    forged = [stranger.sign_in_options()["challenge"], "", encode(bytes(56)), encode(genuine + b"x")]
    newer = encode(genuine[:16] + bytes(8) + genuine[24:])
    for challenge in [*forged, encode(genuine[:-1]), newer]:
        with pytest.raises(InvalidPasskey):
            ceremonies.read_assertion(authenticator.get({"challenge": challenge}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://gagyebu.example.evil.example"},
        {"origin": "http://gagyebu.example"},
        {"rp_id": "evil.example"},
        {"cross_origin": True},
        {"key": Authenticator().key},
    ],
)
def test_assertion_for_elsewhere_or_by_another_key_is_refused(ceremonies, authenticator, wrong):
    key = attested(ceremonies, authenticator).public_key
    vars(authenticator).update(wrong)
    with pytest.raises(InvalidPasskey):
        asserted(ceremonies, authenticator, key)


@pytest.mark.parametrize("part", ["clientDataJSON", "authenticatorData", "signature"])
def test_assertion_is_refused_where_any_bit_of_it_was_changed(ceremonies, authenticator, part):
    key = attested(ceremonies, authenticator).public_key
    answer = authenticator.get(ceremonies.sign_in_options())
    for place in (0, 33, -1):
        content = bytearray(decode(answer["response"][part]))
        content[place] ^= 0x08
        changed = {**answer, "response": {**answer["response"], part: encode(bytes(content))}}
        with pytest.raises(InvalidPasskey):
            asserted(ceremonies, authenticator, key, changed)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"id": "x"},
        {"id": "eA", "rawId": "eA", "type": "public-key", "response": {}},
        {"id": "eA", "rawId": "eA", "type": "public-key", "response": {"clientDataJSON": "W10"}},
        *(
            {
                "id": "eA",
                "rawId": "eA",
                "type": "public-key",
                "response": {
                    "clientDataJSON": client_data,
                    "authenticatorData": "eA",
                    "attestationObject": "_w",
                    "signature": "eA",
                    "userHandle": "eA",
                },
            }
            for client_data in ("", "é", "W10", encode(b"[" * 100_000), encode(b'{"challenge":1,"type":1,"origin":1}'))
        ),
    ],
)
def test_answer_that_makes_no_sense_is_refused(ceremonies, answer):
    with pytest.raises(InvalidPasskey):
        ceremonies.read_assertion(answer)
    with pytest.raises(UnusablePasskey):
        ceremonies.verify_registration(USER, answer)


def test_key_or_id_that_is_too_long_is_refused(ceremonies, authenticator):
    long_id = Authenticator(origin=authenticator.origin, credential_id=bytes(1024))
    with pytest.raises(UnusablePasskey):
        attested(ceremonies, long_id)

    class Padded(Authenticator):
        @property
        def public_key(self):
            return {**super().public_key, -100: bytes(PUBLIC_KEY_BYTES_MAX)}

    with pytest.raises(UnusablePasskey):
        attested(ceremonies, Padded(origin=authenticator.origin))


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://Example.com:443/", "https://example.com"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_origin_is_that_of_the_public_address_as_browsers_write_it(clock, url, origin):
    ceremonies = Ceremonies(url, bytes(32), clock)
    assert attested(ceremonies, Authenticator(origin=origin)).synced
