"""Signing in with more than a password, or with none: authenticator apps, recovery codes, passkeys."""

import asyncio
import time
from dataclasses import dataclass
from email import message_from_bytes, policy
from uuid import UUID

import asyncpg
import cbor2
import jwt
import pytest
from aiohttp.test_utils import TestClient, TestServer
from pyotp import TOTP

from auth import throttle
from service import open_app
from tests.authenticator import Authenticator, encode
from tests.fault.until import until
from tests.http.conftest import NOWHERE, PASSWORD, Household
from tests.mailbox import text_of, token_in

TOTP_PATH = "/users/me/totp"
PASSKEYS = "/users/me/passkeys"
SIGN_IN = "/users/signin"
WRONG = "wrong-Pferd-77"
AT_ONCE = throttle.SIGN_IN.pair.free
STEP_SECONDS = 30
MARGIN_SECONDS = 5
"""How long a request may take before the step of its code is over."""


async def is_within_a_step():
    return time.time() % STEP_SECONDS < STEP_SECONDS - MARGIN_SECONDS


@dataclass
class App:
    """An authenticator app; each code is of a later step than the one before, as far as the service takes them."""

    secret: str
    used: int = 0

    async def code(self):
        await until(is_within_a_step)
        step = int(time.time() // STEP_SECONDS)
        self.used = max(self.used + 1, step - 1)
        assert self.used <= step + 1, "this test uses more codes than there are at one time"
        return TOTP(self.secret).at(self.used * STEP_SECONDS)


@pytest.fixture
async def app(home):
    """The household's authenticator app, confirmed, with its recovery codes."""
    app = App((await home.made(TOTP_PATH, {"password": PASSWORD}))["secret"])
    answer = await home.post(f"{TOTP_PATH}/confirm", {"otp": await app.code()})
    assert answer.status == 200
    app.recovery_codes = answer.json["recovery_codes"]
    return app


async def sign_in(household, **fields):
    return await household.post(SIGN_IN, {"email": "mina@example.com", "password": PASSWORD, **fields})


def mails_in(settings):
    """The mail that was kept, as there is no server to send it to."""
    files = (settings.data_dir / "mail").glob("*.eml")
    return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]


async def totp_of(household):
    return (await household.get("/users/me/factors")).json["totp"]


def amr(answer):
    """How the tokens of an answer say that the user was authenticated."""
    return jwt.decode(answer.json["access_token"], options={"verify_signature": False})["amr"]


# ── setting an authenticator app up ──────────────────────────────────────────────────────────────────────


async def test_totp_is_set_up_by_password_and_first_code_and_gives_ten_recovery_codes_once(home):
    begun = await home.post(TOTP_PATH, {"password": PASSWORD})
    assert begun.status == 201
    assert set(begun.json) == {"secret", "otpauth_uri"}
    assert begun.json["otpauth_uri"].startswith("otpauth://totp/gagyebu:mina%40example.com?")
    assert await totp_of(home) is None

    confirmed = await home.post(f"{TOTP_PATH}/confirm", {"otp": await App(begun.json["secret"]).code()})
    assert (confirmed.status, set(confirmed.json)) == (200, {"recovery_codes"})
    assert len(set(confirmed.json["recovery_codes"])) == 10
    totp = await totp_of(home)
    assert set(totp) == {"confirmed_at", "recovery_codes_left"}
    assert (totp["confirmed_at"][:2], totp["recovery_codes_left"]) == ("20", 10)


async def test_totp_that_was_not_confirmed_asks_for_no_code(home):
    await home.made(TOTP_PATH, {"password": PASSWORD})

    assert (await sign_in(home)).status == 200


async def test_totp_is_not_set_up_by_a_wrong_password_or_code(home):
    assert (await home.post(TOTP_PATH, {"password": WRONG})).outcome == (403, "wrong-password")
    assert (await home.post(f"{TOTP_PATH}/confirm", {"otp": "123456"})).outcome == (409, "totp-not-enrolled")
    await home.made(TOTP_PATH, {"password": PASSWORD})
    assert (await home.post(f"{TOTP_PATH}/confirm", {"otp": "12345"})).outcome == (403, "wrong-password")
    assert list((await home.post(f"{TOTP_PATH}/confirm", {"otp": "1" * 65})).errors) == ["otp"]


async def test_totp_that_is_set_up_is_not_set_up_again(home, app):
    assert (await home.post(TOTP_PATH, {"password": PASSWORD})).outcome == (409, "totp-enabled")
    assert (await home.post(f"{TOTP_PATH}/confirm", {"otp": await app.code()})).outcome == (409, "totp-enabled")


# ── signing in with it ───────────────────────────────────────────────────────────────────────────────────


async def test_sign_in_without_code_says_that_one_is_needed_only_to_who_knows_the_password(guest, app):
    assert (await sign_in(guest)).outcome == (401, "otp-required")
    assert (await sign_in(guest, password=WRONG)).outcome == (401, "invalid-credentials")
    assert (await sign_in(guest, password=WRONG, otp=await app.code())).outcome == (401, "invalid-credentials")


async def test_sign_in_with_wrong_code_is_as_with_a_wrong_password(guest, app):
    same = {"X-Request-Id": "same"}
    body = {"email": "mina@example.com", "password": PASSWORD}
    by_password = await guest.post(SIGN_IN, {**body, "password": WRONG}, headers=same)
    for otp in ("000000", "abcd-efgh-ijkl-mnop", "", "가나다"):
        by_code = await guest.post(SIGN_IN, {**body, "otp": otp}, headers=same)
        assert (by_code.status, by_code.content) == (by_password.status, by_password.content)


async def test_sign_in_with_code_says_so_in_its_token_and_keeps_saying_so(guest, app):
    answer = await sign_in(guest, otp=await app.code())
    renewed = await guest.post("/users/token", {"refresh_token": answer.json["refresh_token"]})

    assert amr(answer) == amr(renewed) == ["pwd", "otp", "mfa"]
    assert (await Household(guest.client, tokens=answer.json).get("/users/me")).status == 200


async def test_sign_in_by_password_alone_says_so_in_its_token(home):
    assert amr(await sign_in(home)) == ["pwd"]
    assert amr(await sign_in(home, otp="123456")) == ["pwd"]


async def test_code_is_used_once_also_that_of_the_confirmation(home, guest):
    secret = (await home.made(TOTP_PATH, {"password": PASSWORD}))["secret"]
    app = App(secret)
    first = await app.code()
    assert (await home.post(f"{TOTP_PATH}/confirm", {"otp": first})).status == 200
    assert (await sign_in(guest, otp=first)).outcome == (401, "invalid-credentials")
    second = await app.code()
    assert (await sign_in(guest, otp=second)).status == 200
    assert (await sign_in(guest, otp=second)).outcome == (401, "invalid-credentials")


async def test_code_before_one_that_was_used_is_refused(guest, app):
    earlier, later = await app.code(), await app.code()
    assert (await sign_in(guest, otp=later)).status == 200
    assert (await sign_in(guest, otp=earlier)).outcome == (401, "invalid-credentials")


@pytest.fixture
async def workers(settings, client):
    """Two workers on one database, in turn."""
    async with open_app(settings, settings.database_url) as app, TestClient(TestServer(app)) as other:
        yield [Household(client), Household(other)]


async def at_once(workers, **fields):
    """Sign in as often as is let through at the same moment, on both workers; return what came of it, sorted."""
    answers = await asyncio.gather(*(sign_in(workers[number % 2], **fields) for number in range(AT_ONCE)))
    return sorted(answer.outcome for answer in answers)


async def test_code_used_many_times_at_once_on_two_workers_lets_in_once(workers, app):
    code = await app.code()

    assert await at_once(workers, otp=code) == [(200, None), *[(401, "invalid-credentials")] * (AT_ONCE - 1)]


async def test_recovery_code_used_many_times_at_once_on_two_workers_lets_in_once(workers, app):
    outcomes = await at_once(workers, otp=app.recovery_codes[0])

    assert outcomes == [(200, None), *[(401, "invalid-credentials")] * (AT_ONCE - 1)]


async def test_recovery_code_lets_in_once_and_is_counted(home, guest, app):
    code = app.recovery_codes[4]
    answer = await sign_in(guest, otp=code.upper().replace("-", " "))

    assert amr(answer) == ["pwd", "otp", "mfa"]
    assert (await sign_in(guest, otp=code)).outcome == (401, "invalid-credentials")
    assert (await totp_of(home))["recovery_codes_left"] == 9


# ── changing it ──────────────────────────────────────────────────────────────────────────────────────────


async def test_recovery_codes_are_renewed_by_password_and_code(home, guest, app):
    path = f"{TOTP_PATH}/recovery-codes"
    assert (await home.post(path, {"password": WRONG, "otp": await app.code()})).outcome == (403, "wrong-password")
    assert (await home.post(path, {"password": PASSWORD})).outcome == (401, "otp-required")
    renewed = await home.post(path, {"password": PASSWORD, "otp": app.recovery_codes[0]})

    assert len(set(renewed.json["recovery_codes"]) - set(app.recovery_codes)) == 10
    assert (await sign_in(guest, otp=app.recovery_codes[1])).outcome == (401, "invalid-credentials")
    assert (await sign_in(guest, otp=renewed.json["recovery_codes"][0])).status == 200


async def test_totp_is_removed_by_password_and_code_and_asks_for_none_from_then_on(home, guest, app):
    assert (await home.delete(TOTP_PATH, json={"password": PASSWORD})).outcome == (401, "otp-required")
    wrong = {"password": PASSWORD, "otp": "000000"}
    assert (await home.delete(TOTP_PATH, json=wrong)).outcome == (403, "wrong-password")
    removed = await home.delete(TOTP_PATH, json={"password": PASSWORD, "otp": await app.code()})

    assert (removed.status, removed.content) == (204, b"")
    assert await totp_of(home) is None
    assert (await sign_in(guest)).status == 200
    again = {"password": PASSWORD, "otp": app.recovery_codes[0]}
    assert (await home.delete(TOTP_PATH, json=again)).outcome == (409, "totp-not-enabled")
    assert (await home.post(f"{TOTP_PATH}/recovery-codes", again)).outcome == (409, "totp-not-enabled")


async def test_totp_removed_and_set_up_anew_has_a_secret_of_its_own(home, guest, app):
    assert (await home.delete(TOTP_PATH, json={"password": PASSWORD, "otp": app.recovery_codes[0]})).status == 204
    anew = App((await home.made(TOTP_PATH, {"password": PASSWORD}))["secret"])
    assert (await home.post(f"{TOTP_PATH}/confirm", {"otp": await anew.code()})).status == 200

    assert (await sign_in(guest, otp=app.recovery_codes[1])).outcome == (401, "invalid-credentials")
    assert (await sign_in(guest, otp=await app.code())).outcome == (401, "invalid-credentials")
    assert (await sign_in(guest, otp=await anew.code())).status == 200


async def test_factors_of_others_are_not_touched(stranger, app):
    assert (await stranger.get("/users/me/factors")).json == {"totp": None, "passkeys": []}
    assert (await stranger.delete(TOTP_PATH, json={"password": PASSWORD, "otp": "1"})).outcome == (
        409,
        "totp-not-enabled",
    )


async def test_factors_need_a_sign_in(guest):
    for method, path in [("GET", "/users/me/factors"), ("POST", TOTP_PATH), ("GET", PASSKEYS), ("POST", PASSKEYS)]:
        assert (await guest.ask(method, path)).outcome == (401, "unauthenticated")


# ── passkeys ─────────────────────────────────────────────────────────────────────────────────────────────


async def register(household, authenticator, name="phone", **proof):
    options = await household.post(f"{PASSKEYS}/options", {"password": PASSWORD, **proof})
    assert options.status == 200, options.content
    return await household.post(PASSKEYS, {"name": name, "credential": authenticator.create(options.json)})


@pytest.fixture
async def phone(home):
    """A passkey of the household's, on a telephone."""
    phone = Authenticator()
    phone.id = (await registered(home, phone, name="telephone"))["id"]
    return phone


async def registered(household, authenticator, **options):
    answer = await register(household, authenticator, **options)
    assert answer.status == 201, answer.content
    return answer.json


async def answered(household, authenticator):
    """Let an authenticator answer new options for a sign-in."""
    options = await household.post(f"{SIGN_IN}/passkey/options")
    assert options.status == 200
    return authenticator.get(options.json)


async def sign_in_by(household, authenticator):
    credential = await answered(household, authenticator)
    return await household.post(f"{SIGN_IN}/passkey", {"credential": credential})


async def test_passkey_is_registered_and_listed(home):
    made = await registered(home, Authenticator(), name="  폰  ")

    assert set(made) == {"id", "name", "synced", "clone_suspected", "created_at", "last_used_at"}
    assert (made["name"], made["synced"], made["clone_suspected"], made["last_used_at"]) == ("폰", True, False, None)
    assert (await home.get(PASSKEYS)).json == {"items": [made], "next_cursor": None}
    assert (await home.get("/users/me/factors")).json == {"totp": None, "passkeys": [made]}


async def test_passkey_signs_in_without_a_password(guest, home, phone):
    answer = await sign_in_by(guest, phone)

    assert (answer.status, answer.headers["Cache-Control"]) == (200, "private, no-store")
    assert amr(answer) == ["swk", "mfa"]
    assert (await Household(guest.client, tokens=answer.json).get("/users/me")).json["email"] == "mina@example.com"
    (listed,) = (await home.get(PASSKEYS)).items
    assert listed["last_used_at"] > listed["created_at"]


async def test_passkey_of_a_key_in_hardware_says_so(guest, home):
    key = Authenticator(synced=False, counts=True)
    assert not (await registered(home, key))["synced"]

    assert [amr(await sign_in_by(guest, key)) for _ in range(2)] == [["hwk", "mfa"]] * 2


async def test_passkey_signs_in_also_where_an_authenticator_app_is_set_up(guest, home, app):
    phone = Authenticator()
    refused = await home.post(f"{PASSKEYS}/options", {"password": PASSWORD})
    await registered(home, phone, otp=app.recovery_codes[0])

    assert refused.outcome == (401, "otp-required")
    assert (await sign_in_by(guest, phone)).status == 200


async def test_passkey_stands_in_for_the_code_beside_the_password(guest, home, app):
    key = Authenticator(verifies=False)
    await registered(home, key, otp=app.recovery_codes[0])
    alone = await sign_in_by(guest, key)
    beside = await sign_in(guest, passkey=await answered(guest, key))
    wrong = await sign_in(guest, passkey=await answered(guest, key), password=WRONG)

    assert alone.outcome == (401, "invalid-passkey")
    assert amr(beside) == ["pwd", "swk", "mfa"]
    assert wrong.outcome == (401, "invalid-credentials")


async def test_passkey_of_another_does_not_stand_in(guest, phone, stranger):
    foreign = Authenticator()
    await registered(stranger, foreign)
    answer = await sign_in(guest, passkey=await answered(guest, foreign))
    foreign.user_handle = b""

    assert answer.outcome == (401, "invalid-passkey")
    assert (await sign_in(guest, passkey=await answered(guest, foreign))).outcome == (401, "invalid-passkey")


async def test_passkey_that_names_another_user_does_not_let_in_there(guest, home, phone, stranger):
    phone.user_handle = UUID((await stranger.get("/users/me")).json["id"]).bytes
    assert (await sign_in_by(guest, phone)).outcome == (401, "invalid-passkey")
    assert (await sign_in(guest, passkey=await answered(guest, phone))).outcome == (401, "invalid-passkey")
    for handle in (b"", b"x", bytes(16)):
        phone.user_handle = handle
        assert (await sign_in_by(guest, phone)).outcome == (401, "invalid-passkey")


async def test_answer_of_a_passkey_is_used_once(guest, phone):
    credential = await answered(guest, phone)
    first = await guest.post(f"{SIGN_IN}/passkey", {"credential": credential})
    again = await guest.post(f"{SIGN_IN}/passkey", {"credential": credential})

    assert (first.status, again.outcome) == (200, (401, "invalid-passkey"))
    assert (await sign_in(guest, passkey=credential)).outcome == (401, "invalid-passkey")


async def test_answer_of_a_passkey_used_many_times_at_once_on_two_workers_lets_in_once(workers, phone):
    credential = await answered(workers[0], phone)
    path, body = f"{SIGN_IN}/passkey", {"credential": credential}
    answers = await asyncio.gather(*(workers[number % 2].post(path, body) for number in range(8)))

    assert sorted(answer.outcome for answer in answers) == [(200, None), *[(401, "invalid-passkey")] * 7]


async def test_copy_of_a_key_whose_counter_is_behind_is_refused_and_shown(guest, home):
    key = Authenticator(synced=False, counts=True)
    await registered(home, key)
    copy = Authenticator(**{name: value for name, value in vars(key).items() if name != "id"})
    assert (await sign_in_by(guest, key)).status == 200
    assert (await sign_in_by(guest, copy)).outcome == (401, "invalid-passkey")
    (listed,) = (await home.get(PASSKEYS)).items

    assert listed["clone_suspected"]
    assert (await sign_in_by(guest, key)).status == 200


async def test_answer_that_nobody_signed_is_refused_and_leaves_no_trace_but_the_refusal(guest, home, phone, dsn):
    events = await count_events(dsn)
    signed = await answered(guest, phone)
    forged = {**signed, "response": {**signed["response"], "signature": encode(bytes(70))}}
    for credential in (forged, {**signed, "id": "x"}, {}, {"id": 1}, {"response": []}):
        answer = await guest.post(f"{SIGN_IN}/passkey", {"credential": credential})
        assert answer.outcome == (401, "invalid-passkey")
    assert list((await guest.post(f"{SIGN_IN}/passkey", {"credential": "x"})).errors) == ["credential"]
    assert events == await count_events(dsn)


async def count_events(dsn):
    connection = await asyncpg.connect(dsn)
    count = await connection.fetchval(
        "SELECT count(*) FROM eventstore.events"
        " WHERE topic <> 'sign_in_refusal.refused' AND topic NOT LIKE 'message.%'"  # mail is sent at its own pace
    )
    await connection.close()
    return count


async def test_registration_needs_the_password_and_options_of_ones_own(home, stranger):
    wrong = await home.post(f"{PASSKEYS}/options", {"password": WRONG})
    options = (await stranger.post(f"{PASSKEYS}/options", {"password": PASSWORD})).json
    for credential in (Authenticator().create(options), {}):
        answer = await home.post(PASSKEYS, {"name": "mine", "credential": credential})
        assert list(answer.errors) == ["credential"]

    assert wrong.outcome == (403, "wrong-password")


async def test_registration_again_is_refused(home, phone):
    options = (await home.post(f"{PASSKEYS}/options", {"password": PASSWORD})).json
    assert [credential["id"] for credential in options["excludeCredentials"]] == [encode(phone.credential_id)]
    answer = await home.post(
        PASSKEYS, {"name": "again", "credential": phone.create({**options, "excludeCredentials": []})}
    )

    assert list(answer.errors) == ["credential"]


async def test_registration_retried_under_one_key_is_one_passkey(home):
    options = (await home.post(f"{PASSKEYS}/options", {"password": PASSWORD})).json
    body = {"name": "phone", "credential": Authenticator().create(options)}
    keyed = {"Idempotency-Key": "a-passkey"}
    twins = await asyncio.gather(*(home.post(PASSKEYS, body, headers=keyed) for _ in range(3)))
    await home.delete(f"{PASSKEYS}/{twins[0].json['id']}", json={"password": PASSWORD})
    again = await home.post(PASSKEYS, body, headers=keyed)
    other = await home.post(PASSKEYS, {**body, "name": "other"}, headers=keyed)

    assert {(answer.status, answer.content) for answer in (*twins, again)} == {(201, again.content)}
    assert sorted(answer.headers.get("Idempotency-Replayed", "") for answer in twins) == ["", "true", "true"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert other.outcome == (422, "idempotency-key-reused")
    assert (await home.get(PASSKEYS)).items == []


async def test_passkey_is_removed_by_the_password_and_lets_in_no_more(guest, home, phone):
    path = f"{PASSKEYS}/{phone.id}"
    assert (await home.delete(path, json={"password": WRONG})).outcome == (403, "wrong-password")
    removed = await home.delete(path, json={"password": PASSWORD})

    assert (removed.status, removed.content) == (204, b"")
    assert (await sign_in_by(guest, phone)).outcome == (401, "invalid-passkey")
    assert (await home.get(PASSKEYS)).items == []
    for unknown in (path, f"{PASSKEYS}/{NOWHERE}", f"{PASSKEYS}/x"):
        assert (await home.delete(unknown, json={"password": PASSWORD})).outcome == (404, "passkey-not-found")


async def test_passkey_that_is_nested_too_deeply_is_422_whether_retried_or_not(home):
    for levels, headers in [(260, {"Idempotency-Key": "deep"}), (1000, {"Idempotency-Key": "deep"}), (1000, {})]:
        deep = f'{{"credential":{{"a":{"[" * levels}{"]" * levels}}}}}'.encode()
        answer = await home.ask("POST", PASSKEYS, data=deep, headers={"Content-Type": "application/json", **headers})
        assert answer.status == 422, (levels, headers)


async def test_passkeys_are_limited(home):
    for number in range(20):
        await registered(home, Authenticator(), name=f"key {number}")
    answer = await home.post(f"{PASSKEYS}/options", {"password": PASSWORD})

    assert answer.outcome == (409, "too-many-passkeys")


# ── secrets ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_no_secret_of_a_factor_is_readable_in_the_events(home, phone, app, dsn):
    connection = await asyncpg.connect(dsn)
    states = b"".join(row["state"] for row in await connection.fetch("SELECT state FROM eventstore.events"))
    await connection.close()
    codes = [*app.recovery_codes, *(code.replace("-", "") for code in app.recovery_codes)]
    secrets = [app.secret, *codes, encode(phone.credential_id), encode(cbor2.dumps(phone.public_key)), "telephone"]

    assert b"recovery_hashes" in states
    assert [secret for secret in secrets if secret.encode() in states] == []


async def test_password_set_anew_by_a_link_lets_nobody_in_without_the_code(guest, app, settings):
    """The link is the proof of one factor: it goes round no other (ASVS 6.4.3)."""
    await guest.post("/users/forgot-password", {"email": "mina@example.com"})
    mail = await until(lambda: next((mail for mail in mails_in(settings) if "/reset-password#" in text_of(mail)), None))
    answer = await guest.post("/users/reset-password", {"token": token_in(mail), "new_password": "another-Pferd-78"})

    assert answer.status == 204
    assert (await sign_in(guest, password="another-Pferd-78")).outcome == (401, "otp-required")
    assert (await sign_in(guest, password="another-Pferd-78", otp=await app.code())).status == 200


# ── guessing ─────────────────────────────────────────────────────────────────────────────────────────────


LIMITED = (429, "too-many-attempts")


async def test_wrong_codes_are_limited_as_wrong_passwords_are_and_otp_required_counts_for_nothing(home, app):
    for _ in range(throttle.SIGN_IN.pair.free):
        assert (await sign_in(home, otp="000000")).outcome == (401, "invalid-credentials")
        outcome = (await sign_in(home)).outcome
        assert outcome in {(401, "otp-required"), LIMITED}

    right = app.recovery_codes[0]  # at hand: for a code of the app one may have to wait, until the throttle lets it in
    assert (await sign_in(home, otp=right)).outcome == LIMITED


@pytest.mark.parametrize(
    ("method", "path", "guess"),
    [
        ("POST", TOTP_PATH, {"password": WRONG}),
        ("POST", f"{TOTP_PATH}/confirm", {"otp": "000000"}),
        ("POST", f"{TOTP_PATH}/recovery-codes", {"password": WRONG}),
        ("DELETE", TOTP_PATH, {"password": WRONG}),
        ("POST", f"{PASSKEYS}/options", {"password": WRONG}),
    ],
)
async def test_what_is_proved_again_counts_together_with_guesses_at_sign_in(home, method, path, guess):
    await home.made(TOTP_PATH, {"password": PASSWORD})
    for _ in range(throttle.SIGN_IN.pair.free):
        assert (await home.ask(method, path, json=guess)).outcome == (403, "wrong-password")

    assert (await home.ask(method, path, json=guess)).outcome == LIMITED
    assert (await sign_in(home)).outcome == LIMITED


CHANGES = [
    ("/users/me/password", {"new_password": "another-Pferd-78"}, "current_password", 204),
    ("/users/me/email", {"email": "new@example.com"}, "password", 202),
]


@pytest.mark.parametrize(("path", "body", "field", "status"), CHANGES)
async def test_password_and_address_are_changed_by_password_and_code_where_an_app_is_set_up(
    home, app, path, body, field, status
):
    async def change(**proof):
        return (await home.ask("PUT", path, json={**body, field: PASSWORD, **proof})).outcome

    assert await change() == (401, "otp-required")
    assert await change(otp="000000") == (403, "wrong-password")
    assert await change(**{field: WRONG, "otp": app.recovery_codes[0]}) == (403, "wrong-password")
    assert await change(otp=app.recovery_codes[0]) == (status, None)
    assert await change(**{field: "another-Pferd-78" if status == 204 else PASSWORD, "otp": app.recovery_codes[0]}) == (
        403,
        "wrong-password",
    )


@pytest.mark.parametrize(("path", "body", "field", "status"), CHANGES)
async def test_code_that_a_change_was_refused_with_for_another_reason_is_not_spent(
    home, guest, app, stranger, path, body, field, status
):
    wrong = {"new_password": "password"} if status == 204 else {"email": stranger.email}
    answer = await home.ask("PUT", path, json={**wrong, field: PASSWORD, "otp": app.recovery_codes[0]})

    assert answer.status in {409, 422}
    assert (await sign_in(guest, otp=app.recovery_codes[0])).status == 200


@pytest.mark.parametrize(("path", "body", "field", "status"), CHANGES)
async def test_changes_of_password_and_address_are_limited_together_with_guesses_at_sign_in(
    home, path, body, field, status
):
    for _ in range(throttle.SIGN_IN.pair.free):
        assert (await home.ask("PUT", path, json={**body, field: WRONG})).outcome == (403, "wrong-password")

    assert (await home.ask("PUT", path, json={**body, field: PASSWORD})).outcome == LIMITED
    assert (await sign_in(home)).outcome == LIMITED


@pytest.mark.parametrize(("path", "body", "field", "status"), CHANGES)
async def test_password_alone_has_no_guess_of_a_code_forgotten(home, app, path, body, field, status):
    for _ in range(throttle.SIGN_IN.pair.free):
        assert (await home.ask("PUT", path, json={**body, field: PASSWORD, "otp": "000000"})).outcome == (
            403,
            "wrong-password",
        )
        assert (await home.ask("PUT", path, json={**body, field: PASSWORD})).outcome in {(401, "otp-required"), LIMITED}

    right = app.recovery_codes[0]  # at hand: for a code of the app one may have to wait, until the throttle lets it in
    assert (await home.ask("PUT", path, json={**body, field: PASSWORD, "otp": right})).outcome == LIMITED
