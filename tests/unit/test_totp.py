"""The authenticator app: set up, used once per step, recovered from, taken away."""

import base64
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from pyotp import TOTP

from auth.errors import InvalidCredentials, TotpEnabled, TotpNotEnabled, TotpNotEnrolled
from auth.totp import RECOVERY_CODE_BYTES, Totp, TotpStep, recovery_code, recovery_hash, totp_id
from tests.given import an_id, given

SECRET = base64.b32encode(bytes(range(20))).decode()
OTHER_SECRET = base64.b32encode(bytes(20)).decode()
NOW = datetime(2026, 11, 23, 9, 0, 15, tzinfo=UTC)
STEP = timedelta(seconds=30)
CODES = [recovery_code(bytes([number]) * 10) for number in range(10)]
HASHES = [recovery_hash(code) for code in CODES]


def code_at(moment, secret=SECRET):
    return TOTP(secret).at(moment)


def an_app():
    return Totp(id=totp_id(an_id(1)))


def enrolled(totp):
    totp.enroll(SECRET)


def confirmed(totp):
    totp.confirm(code_at(NOW), NOW, CODES)


def disabled(totp):
    totp.disable()


def test_enrolled_app_does_not_count_yet():
    totp = given(an_app()).when(enrolled).then((Totp.Enrolled, {"secret": SECRET}))
    assert not totp.enabled


def test_enrolling_again_before_it_was_confirmed_replaces_the_secret():
    totp = given(an_app(), enrolled).when(lambda totp: totp.enroll(OTHER_SECRET)).then((Totp.Enrolled, {}))
    with pytest.raises(InvalidCredentials):
        totp.confirm(code_at(NOW), NOW, CODES)


def test_confirming_enables_it_and_keeps_hashes_of_the_recovery_codes_alone():
    totp = given(an_app(), enrolled).when(confirmed).then((Totp.Confirmed, {"recovery_hashes": HASHES}))
    assert totp.enabled


@pytest.mark.parametrize("code", ["000000", "", "12345", "가나다라마바", CODES[0], code_at(NOW, OTHER_SECRET)])
def test_confirming_by_a_wrong_code_is_refused(code):
    given(an_app(), enrolled).when(lambda totp: totp.confirm(code, NOW, CODES)).raises(InvalidCredentials)


def test_confirming_what_was_not_begun_is_refused():
    given(an_app()).when(confirmed).raises(TotpNotEnrolled)
    given(an_app(), enrolled, confirmed, disabled).when(confirmed).raises(TotpNotEnrolled)


def test_enabled_app_is_neither_enrolled_nor_confirmed_again():
    given(an_app(), enrolled, confirmed).when(enrolled).raises(TotpEnabled)
    given(an_app(), enrolled, confirmed).when(confirmed).raises(TotpEnabled)


@pytest.mark.parametrize("off", [-STEP, timedelta(), STEP])
def test_code_of_a_clock_that_is_one_step_off_is_accepted(off):
    totp = given(an_app(), enrolled, confirmed).aggregate
    step = totp.use(code_at(NOW + off), NOW)
    assert (NOW + off).timestamp() // 30 == step.step
    assert [] == totp.unrecorded_events()


@pytest.mark.parametrize("off", [-2 * STEP, 2 * STEP])
def test_code_of_a_clock_that_is_two_steps_off_is_refused(off):
    given(an_app(), enrolled, confirmed).when(lambda totp: totp.use(code_at(NOW + off), NOW)).raises(InvalidCredentials)


def test_code_may_be_spelled_as_apps_show_it():
    totp = given(an_app(), enrolled, confirmed).aggregate
    code = code_at(NOW)
    assert totp.use(f" {code[:3]} {code[3:]}", NOW).id == totp.use(code, NOW).id


def test_step_has_one_id_per_secret_so_that_it_is_used_once():
    totp = given(an_app(), enrolled, confirmed).aggregate
    other = given(an_app(), lambda totp: totp.enroll(OTHER_SECRET)).aggregate
    same = totp.use(code_at(NOW), NOW), totp.use(code_at(NOW), NOW + STEP)
    elsewhere = other.confirm(code_at(NOW, OTHER_SECRET), NOW, CODES)
    assert same[0].id == same[1].id != elsewhere.id
    assert same[0].step == elsewhere.step
    assert [TotpStep.Used] == [type(event) for event in same[0].unrecorded_events()]


def test_later_steps_are_those_that_a_clock_ahead_could_have_used():
    totp = given(an_app(), enrolled, confirmed).aggregate
    ahead = [totp.use(code_at(NOW + steps * STEP), NOW + STEP).id for steps in (0, 1, 2)]
    assert ahead[1:] == totp.later_steps(totp.use(code_at(NOW), NOW))


@pytest.mark.parametrize("spell", [str, str.upper, lambda code: code.replace("-", ""), lambda code: f" {code} "])
def test_recovery_code_is_used_up_however_it_is_spelled(spell):
    totp = (
        given(an_app(), enrolled, confirmed)
        .when(lambda totp: totp.use(spell(CODES[3]), NOW))
        .then((Totp.RecoveryCodeUsed, {"recovery_hash": HASHES[3]}))
    )
    assert set(HASHES) - {HASHES[3]} == totp.recovery_hashes


def test_recovery_code_used_before_is_refused():
    given(an_app(), enrolled, confirmed, lambda totp: totp.use(CODES[3], NOW)).when(
        lambda totp: totp.use(CODES[3], NOW)
    ).raises(InvalidCredentials)


def test_renewed_recovery_codes_replace_the_old_ones():
    def renew(totp):
        totp.renew_recovery_codes(["new"])

    given(an_app(), enrolled, confirmed).when(renew).then(
        (Totp.RecoveryCodesRenewed, {"recovery_hashes": [recovery_hash("new")]})
    )
    given(an_app(), enrolled, confirmed, renew).when(lambda totp: totp.use(CODES[0], NOW)).raises(InvalidCredentials)
    given(an_app(), enrolled).when(renew).raises(TotpNotEnabled)


def test_disabled_app_is_as_if_it_had_never_been():
    totp = given(an_app(), enrolled, confirmed).when(disabled).then((Totp.Disabled, {}))
    assert (None, set(), False) == (totp.secret, totp.recovery_hashes, totp.enabled)
    given(an_app(), enrolled, confirmed, disabled).when(disabled).raises(TotpNotEnabled)


def test_app_whose_secret_was_erased_lets_nobody_in():
    def erased(totp):
        totp.secret = None

    given(an_app(), enrolled, confirmed, erased).when(lambda totp: totp.use(code_at(NOW), NOW)).raises(
        InvalidCredentials
    )


def test_uri_names_service_account_and_secret():
    uri = urlsplit(given(an_app(), enrolled).aggregate.provisioning_uri("kim@example.com"))
    assert ("otpauth", "totp", "/gagyebu:kim%40example.com") == (uri.scheme, uri.netloc, uri.path)
    assert {"secret": [SECRET], "issuer": ["gagyebu"]} == parse_qs(uri.query)


def test_recovery_code_is_120_bits_for_people():
    random = bytes(range(RECOVERY_CODE_BYTES))
    code = recovery_code(random)
    assert re.fullmatch(r"([a-z2-7]{4}-){5}[a-z2-7]{4}", code)
    assert base64.b32decode(code.replace("-", "").upper()) == random


def test_app_shows_no_secret_when_printed():
    totp = an_app()
    totp.enroll(SECRET)
    assert SECRET not in repr(totp) + repr(totp.unrecorded_events())
