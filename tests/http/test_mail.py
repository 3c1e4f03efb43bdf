"""Mailed links: an address verified or changed, a forgotten password, and what is told by mail or phone."""

import asyncio
import re
import statistics
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network

import asyncpg
import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer
from pyotp import TOTP

from auth.commands.messages import LINKS_PER_HOUR_MAX
from auth.throttle import FORGOT_PASSWORD
from service import open_app
from tests.authenticator import Authenticator
from tests.fault.until import until
from tests.http.conftest import PASSWORD, Household
from tests.mailbox import mail_server, phone_server, text_of, token_in

EMAIL, NEW_EMAIL = "mina@example.com", "mina.kim@example.org"
NUMBER = "+821012345678"
NEW_PASSWORD = "zwölf-Boxkämpfer-jagen"
GONE = (410, "link-invalid")


@pytest.fixture
async def mailbox():
    async with mail_server() as mailbox:
        yield mailbox


@pytest.fixture
async def phones():
    async with phone_server() as phones:
        yield phones


@pytest.fixture
def settings(settings, mailbox, phones):
    return replace(
        settings,
        smtp_url=f"smtp://127.0.0.1:{mailbox.port}",
        mail_from="gagyebu@example.com",
        sms_webhook_url=phones.url,
        sms_webhook_secret="whsec_" + "c2VjcmV0" * 4,
        trusted_proxies=(ip_network("127.0.0.0/8"),),  # so that a test can be in many places
    )


async def sign_in(guest, email, password=PASSWORD):
    return (await guest.post("/users/signin", {"email": email, "password": password})).outcome


async def email_of(home):
    return (await home.get("/users/me/email")).json


async def change_email(home, email=NEW_EMAIL, password=PASSWORD):
    return await home.ask("PUT", "/users/me/email", json={"email": email, "password": password})


async def forgot(guest, email=EMAIL, address="192.0.2.1", **options):
    forwarded = {"X-Forwarded-For": address}
    return await guest.post("/users/forgot-password", {"email": email, **options}, headers=forwarded)


async def reset(guest, token, new_password=NEW_PASSWORD):
    return await guest.post("/users/reset-password", {"token": token, "new_password": new_password})


async def lapse(dsn):
    """Let the hours pass: every link that was posted belongs to a time long ago."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("ALTER TABLE eventstore.events DISABLE TRIGGER USER")
    await connection.execute(
        "UPDATE eventstore.events SET state = convert_to(regexp_replace(convert_from(state, 'UTF8'),"
        """ '"expires_at":"[^"]+"', '"expires_at":"2020-01-01T00:00:00Z"'), 'UTF8') WHERE topic = 'message.posted'"""
    )
    await connection.close()


# ── verify the address ───────────────────────────────────────────────────────────────────────────────────


async def test_sign_up_mails_a_link_that_verifies_the_address_once(home, guest, mailbox):
    token = await mailbox.token_for(EMAIL)
    assert await email_of(home) == {"email": EMAIL, "verified": False, "pending": None}
    answer = await guest.post("/users/verify-email", {"token": token})

    assert (answer.status, answer.content) == (204, b"")
    assert await email_of(home) == {"email": EMAIL, "verified": True, "pending": None}
    assert (await guest.post("/users/verify-email", {"token": token})).outcome == GONE
    assert (await home.post("/users/me/verify-email")).outcome == (409, "email-verified-before")


async def test_mail_is_in_the_language_asked_for_and_leads_to_the_public_address(guest, mailbox, settings):
    await guest.made("/users/signup", {"email": EMAIL, "password": PASSWORD})
    headers = {"Accept-Language": "en-GB, ko;q=0.5"}
    await guest.made("/users/signup", {"email": NEW_EMAIL, "password": PASSWORD}, headers=headers)
    korean, english = await mailbox.wait_for(EMAIL), await mailbox.wait_for(NEW_EMAIL)

    assert (korean["Subject"], korean["Content-Language"]) == ("이메일 주소를 확인해 주세요", "ko")
    assert (english["Subject"], english["Content-Language"]) == ("Please verify your e-mail address", "en")
    for mail in (korean, english):
        link = f"{settings.client_url}/users/verify-email#{token_in(mail)}"
        assert text_of(mail).rstrip().endswith(f"\n{link}")
        assert f'<a href="{link}">' in mail.get_body(("html",)).get_content()
        assert (mail["From"], mail["Auto-Submitted"]) == ("gagyebu@example.com", "auto-generated")


async def test_verification_is_sent_again_and_not_too_often(home, guest, mailbox):
    answers = [await home.post("/users/me/verify-email") for _ in range(LINKS_PER_HOUR_MAX)]

    assert [answer.status for answer in answers] == [202] * (LINKS_PER_HOUR_MAX - 1) + [429]
    assert answers[-1].slug == "too-many-messages"
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 3600
    again = await mailbox.token_for(EMAIL, LINKS_PER_HOUR_MAX)
    assert (await guest.post("/users/verify-email", {"token": again})).status == 204


async def test_verification_asked_for_again_under_one_key_is_one_mail(home, guest, mailbox):
    keyed = {"Idempotency-Key": "verify"}
    first = await home.post("/users/me/verify-email", headers=keyed)
    twins = await asyncio.gather(*(home.post("/users/me/verify-email", headers=keyed) for _ in range(3)))
    await guest.post("/users/verify-email", {"token": await mailbox.token_for(EMAIL, 2)})
    late = await home.post("/users/me/verify-email", headers=keyed)

    assert {(answer.status, answer.content) for answer in (first, *twins, late)} == {(202, first.content)}
    assert [answer.headers.get("Idempotency-Replayed") for answer in (first, *twins, late)] == [None, *["true"] * 4]
    assert (await home.post("/users/me/verify-email")).outcome == (409, "email-verified-before")
    assert len(mailbox.mails) == 2


async def test_verification_sent_many_times_at_once_is_limited_all_the_same(home, mailbox):
    answers = await asyncio.gather(*(home.post("/users/me/verify-email") for _ in range(6)))

    assert sorted(answer.status for answer in answers) == [202] * (LINKS_PER_HOUR_MAX - 1) + [429] * 4
    await mailbox.wait_for(EMAIL, LINKS_PER_HOUR_MAX)
    assert len(mailbox.mails) == LINKS_PER_HOUR_MAX


@pytest.mark.usefixtures("home")
async def test_link_that_is_forged_or_of_another_kind_is_410_everywhere(guest, mailbox):
    token = await mailbox.token_for(EMAIL)
    last = "A" if token[-1] != "A" else "E"
    for text in ("", "x", "A" * 86, token[:-1] + last, token + "A", token[::-1], "é" * 86, "A" * 10_000):
        for path in ("verify-email", "confirm-email"):
            assert (await guest.post(f"/users/{path}", {"token": text})).outcome == GONE, text
        assert (await reset(guest, text)).outcome == GONE
    assert (await guest.post("/users/confirm-email", {"token": token})).outcome == GONE
    assert (await reset(guest, token)).outcome == GONE
    assert (await guest.post("/users/verify-email", {"token": token})).status == 204


async def test_link_is_void_once_its_time_is_over(home, guest, mailbox, dsn):
    await change_email(home)
    await forgot(guest)
    verify, confirm = await mailbox.token_for(EMAIL), await mailbox.token_for(NEW_EMAIL)
    await mailbox.wait_for(EMAIL, 3)
    (forgotten,) = mailbox.links_to(EMAIL)[1:]
    await lapse(dsn)

    assert (await guest.post("/users/verify-email", {"token": verify})).outcome == GONE
    assert (await guest.post("/users/confirm-email", {"token": confirm})).outcome == GONE
    assert (await reset(guest, forgotten)).outcome == GONE


# ── change the address ───────────────────────────────────────────────────────────────────────────────────


async def test_email_is_changed_by_the_link_to_the_new_address(home, guest, mailbox, book):
    answer = await change_email(home)
    token = await mailbox.token_for(NEW_EMAIL)
    asked = await email_of(home)
    confirmed = await guest.post("/users/confirm-email", {"token": token})

    assert answer.status == 202
    assert asked == {"email": EMAIL, "verified": False, "pending": NEW_EMAIL}
    assert (confirmed.status, confirmed.content) == (204, b"")
    assert await email_of(home) == {"email": NEW_EMAIL, "verified": True, "pending": None}
    assert (await home.get("/users/me")).json["email"] == NEW_EMAIL
    assert (await home.get(f"/books/{book['id']}/members")).items[0]["email"] == NEW_EMAIL
    assert await sign_in(guest, NEW_EMAIL) == (200, None)
    assert await sign_in(guest, EMAIL) == (401, "invalid-credentials")
    assert (await guest.post("/users/confirm-email", {"token": token})).outcome == GONE


async def test_old_address_is_told_of_both_the_wish_and_the_change(home, guest, mailbox):
    await change_email(home)
    await mailbox.wait_for(EMAIL, 2)
    await guest.post("/users/confirm-email", {"token": await mailbox.token_for(NEW_EMAIL)})
    await mailbox.wait_for(EMAIL, 3)

    assert {mail["Subject"] for mail in mailbox.sent_to(EMAIL)[1:]} == {
        "이메일 주소 변경이 요청되었습니다",
        "이메일 주소가 바뀌었습니다",
    }
    assert len(mailbox.sent_to(NEW_EMAIL)) == 1


async def test_address_given_up_is_free_for_anybody_and_may_come_back(home, guest, mailbox):
    await change_email(home)
    await guest.post("/users/confirm-email", {"token": await mailbox.token_for(NEW_EMAIL)})
    await change_email(home, EMAIL)
    await guest.post("/users/confirm-email", {"token": await mailbox.token_for(EMAIL, 4)})
    other = await guest.signed_up(NEW_EMAIL, name="다른 사람")

    assert (await email_of(home))["email"] == EMAIL
    assert (await other.get("/users/me")).json["name"] == "다른 사람"
    assert (await home.get("/users/me")).json["name"] == "김미나"
    assert (await change_email(home)).outcome == (409, "email-taken")


async def test_email_change_needs_the_password_and_a_free_address(home, stranger, mailbox):
    assert (await change_email(home, password="wrong")).outcome == (403, "wrong-password")
    assert (await change_email(home, stranger.email)).outcome == (409, "email-taken")
    assert list((await change_email(home, "mina")).errors) == ["email"]
    assert (await email_of(home))["pending"] is None
    assert mailbox.sent_to(NEW_EMAIL) == []


async def test_address_taken_in_between_is_409_and_nothing_changes(home, guest, mailbox):
    await change_email(home)
    token = await mailbox.token_for(NEW_EMAIL)
    await guest.signed_up(NEW_EMAIL)

    assert (await guest.post("/users/confirm-email", {"token": token})).outcome == (409, "email-taken")
    assert (await home.get("/users/me")).json["email"] == EMAIL
    assert await sign_in(guest, EMAIL) == (200, None)


async def test_one_address_confirmed_by_two_users_at_once_goes_to_one(home, stranger, guest, mailbox):
    tokens = []
    for number, household in enumerate((home, stranger), start=1):
        await change_email(household)
        tokens.append(await mailbox.token_for(NEW_EMAIL, number))
    answers = await asyncio.gather(*(guest.post("/users/confirm-email", {"token": token}) for token in tokens))

    assert sorted(answer.outcome for answer in answers) == [(204, None), (409, "email-taken")]
    emails = [(await household.get("/users/me")).json["email"] for household in (home, stranger)]
    assert [email == NEW_EMAIL for email in emails] == [answer.status == 204 for answer in answers]


async def test_letter_case_of_the_own_address_may_change(home, guest, mailbox):
    await change_email(home, "Mina@example.com")
    confirmed = await guest.post("/users/confirm-email", {"token": await mailbox.token_for("Mina@example.com")})

    assert confirmed.status == 204
    assert (await home.get("/users/me")).json["email"] == "Mina@example.com"
    assert await sign_in(guest, EMAIL) == (200, None)


async def test_only_the_last_address_asked_for_can_be_confirmed(home, guest, mailbox):
    await change_email(home, "first@example.com")
    first = await mailbox.token_for("first@example.com")
    await change_email(home)

    assert (await guest.post("/users/confirm-email", {"token": first})).outcome == GONE
    last = await mailbox.token_for(NEW_EMAIL)
    assert (await guest.post("/users/confirm-email", {"token": last})).status == 204


async def test_password_change_calls_an_email_change_off(home, guest, mailbox):
    await change_email(home)
    token = await mailbox.token_for(NEW_EMAIL)
    await home.ask("PUT", "/users/me/password", json={"current_password": PASSWORD, "new_password": NEW_PASSWORD})

    assert (await guest.post("/users/confirm-email", {"token": token})).outcome == GONE
    assert (await email_of(home))["pending"] is None


# ── a forgotten password ─────────────────────────────────────────────────────────────────────────────────


async def test_forgotten_password_is_set_anew_by_a_mailed_link_and_every_session_ends(home, guest, mailbox):
    other = await home.signed_in(EMAIL)
    await forgot(guest, "MINA@example.com")
    token = await mailbox.token_for(EMAIL, 2)
    answer = await reset(guest, token)

    assert (answer.status, answer.content) == (204, b"")
    for household in (home, other):
        assert (await household.get("/users/me")).outcome == (401, "unauthenticated")
    assert await sign_in(guest, EMAIL) == (401, "invalid-credentials")
    assert await sign_in(guest, EMAIL, NEW_PASSWORD) == (200, None)
    assert (await reset(guest, token, "Viktor-quer-übers-Deich")).outcome == GONE
    assert (await mailbox.wait_for(EMAIL, 3))["Subject"] == "비밀번호가 바뀌었습니다"


@pytest.mark.usefixtures("home")
async def test_reset_with_a_weak_password_is_422_and_the_link_stays_good(guest, mailbox):
    await forgot(guest)
    token = await mailbox.token_for(EMAIL, 2)
    for weak in ("x", "password", "mina@example.com", "x" * 129):
        assert list((await reset(guest, token, weak)).errors) == ["new_password"]

    assert (await reset(guest, token)).status == 204


@pytest.mark.usefixtures("home")
async def test_link_used_twice_at_once_works_once(guest, mailbox):
    await mailbox.wait_for(EMAIL)  # mails have no order: that of the sign-up must not come second
    await forgot(guest)
    token = await mailbox.token_for(EMAIL, 2)
    passwords = ["zwölf-Boxkämpfer-jagen", "Viktor-quer-übers-Deich"]
    answers = await asyncio.gather(*(reset(guest, token, password) for password in passwords))

    assert sorted(answer.outcome for answer in answers) == [(204, None), GONE]


async def test_reset_link_is_void_after_any_change_of_password_or_address(home, guest, mailbox):
    await forgot(guest)
    first = await mailbox.token_for(EMAIL, 2)
    await home.ask("PUT", "/users/me/password", json={"current_password": PASSWORD, "new_password": NEW_PASSWORD})
    assert (await reset(guest, first)).outcome == GONE

    await forgot(guest)
    await mailbox.wait_for(EMAIL, 4)
    second = mailbox.links_to(EMAIL)[-1]
    await change_email(home, password=NEW_PASSWORD)
    await guest.post("/users/confirm-email", {"token": await mailbox.token_for(NEW_EMAIL)})
    assert (await reset(guest, second)).outcome == GONE


async def test_forgotten_password_is_answered_alike_whether_there_is_an_account_or_not(home, guest, mailbox):
    same = {"X-Request-Id": "same"}
    known = await guest.post("/users/forgot-password", {"email": EMAIL}, headers=same)
    unknown = await guest.post("/users/forgot-password", {"email": "who@example.com"}, headers=same)

    assert (known.status, known.content) == (unknown.status, unknown.content) == (202, unknown.content)
    assert set(known.headers) == set(unknown.headers)
    await mailbox.wait_for(home.email, 2)
    assert mailbox.sent_to("who@example.com") == []


@pytest.mark.usefixtures("home")
async def test_forgotten_password_takes_the_same_time_whether_there_is_an_account_or_not(guest):
    """Both are answered before anybody looks; the medians of two halves of one address differ as much."""
    took = {EMAIL: [], "who@example.com": []}
    for number in range(150):
        for email, times in took.items():
            began_at = time.perf_counter()
            await forgot(guest, email, f"198.51.100.{number}")
            times.append(time.perf_counter() - began_at)
    known, unknown = (statistics.median(times) for times in took.values())

    assert abs(known - unknown) < max(0.001, 0.3 * unknown), (known, unknown)


@pytest.mark.usefixtures("home")
async def test_mail_to_one_account_is_limited_and_nobody_is_told(guest, mailbox):
    answers = [await forgot(guest) for _ in range(LINKS_PER_HOUR_MAX + 3)]

    assert {answer.status for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    await mailbox.wait_for(EMAIL, 1 + LINKS_PER_HOUR_MAX)
    await forgot(guest, "who@example.com")
    assert len(mailbox.sent_to(EMAIL)) == 1 + LINKS_PER_HOUR_MAX


@pytest.mark.parametrize("email", [EMAIL, "who@example.com"])
@pytest.mark.usefixtures("home")
async def test_forgotten_password_of_one_account_is_limited_for_the_address_and_nobody_else(guest, email):
    asked = [await forgot(guest, email) for _ in range(FORGOT_PASSWORD.pair.free + 1)]

    assert [answer.status for answer in asked] == [202] * FORGOT_PASSWORD.pair.free + [429]
    assert asked[-1].slug == "too-many-attempts"
    assert int(asked[-1].headers["Retry-After"]) >= 1
    assert (await forgot(guest, email, "192.0.2.2")).status == 202
    assert (await forgot(guest, "other@example.com")).status == 202


async def test_forgotten_passwords_of_many_accounts_are_limited_for_the_address(guest):
    limit = FORGOT_PASSWORD.address.free
    asked = [(await forgot(guest, f"user{number}@example.com")).status for number in range(limit + 1)]

    assert asked == [202] * limit + [429]
    assert (await forgot(guest, "user0@example.com", "192.0.2.2")).status == 202


async def test_every_change_of_a_factor_is_told(home, mailbox):
    await mailbox.wait_for(EMAIL)
    proof = {"password": PASSWORD}
    secret = (await home.made("/users/me/totp", proof))["secret"]
    assert len(mailbox.mails) == 1  # nothing has changed yet
    codes = (await home.post("/users/me/totp/confirm", {"otp": TOTP(secret).now()})).json["recovery_codes"]
    codes += (await home.post("/users/me/totp/recovery-codes", {**proof, "otp": codes[0]})).json["recovery_codes"]
    assert (await home.delete("/users/me/totp", json={**proof, "otp": codes[-1]})).status == 204
    options = (await home.post("/users/me/passkeys/options", proof)).json
    made = await home.made("/users/me/passkeys", {"name": "폰", "credential": Authenticator().create(options)})
    assert (await home.delete(f"/users/me/passkeys/{made['id']}", json=proof)).status == 204

    await mailbox.wait_for(EMAIL, 6)
    assert [mail["Subject"] for mail in mailbox.mails[1:]] == ["로그인 방법이 바뀌었습니다"] * 5


# ── the phone ────────────────────────────────────────────────────────────────────────────────────────────


async def test_reset_link_comes_by_phone_where_that_is_asked_for(guest, mailbox, phones):
    await guest.signed_up(EMAIL, phone_number=NUMBER)
    await forgot(guest, via="phone")
    text = await phones.wait_for(NUMBER)

    assert text.startswith("새 비밀번호를 정해 주세요\nhttp://127.0.0.1:8080/users/reset-password#")
    assert (await reset(guest, text.split("#")[1])).status == 204
    assert await sign_in(guest, EMAIL, NEW_PASSWORD) == (200, None)
    assert len(mailbox.sent_to(EMAIL)) <= 2  # the verification, and the notice


async def test_reset_link_goes_by_mail_where_there_is_no_phone(home, guest, mailbox, phones):
    await forgot(guest, via="phone")
    await mailbox.wait_for(home.email, 2)

    assert phones.posts == []
    assert list((await forgot(guest, via="pigeon")).errors) == ["via"]


async def test_phone_number_set_lately_is_no_way_to_a_new_password(home, guest, mailbox, phones):
    """Whoever stole a session could have set it; the owner is told of it by mail."""
    await home.patch("/users/me", {"phone_number": NUMBER})
    subjects = {mail["Subject"] for mail in (await mailbox.wait_for(EMAIL, 2), *mailbox.mails)}
    await forgot(guest, via="phone")

    assert "전화번호가 바뀌었습니다" in subjects
    assert "#" in text_of(await mailbox.wait_for(EMAIL, 3))
    assert [text for text in phones.sent_to(NUMBER) if "#" in text] == []


async def test_changes_are_told_by_phone_too(guest, mailbox, phones):
    home = await guest.signed_up(EMAIL, phone_number=NUMBER)
    await home.ask("PUT", "/users/me/password", json={"current_password": PASSWORD, "new_password": NEW_PASSWORD})
    assert await phones.wait_for(NUMBER) == "비밀번호가 바뀌었습니다"
    await change_email(home, password=NEW_PASSWORD)
    await phones.wait_for(NUMBER, 2)
    await guest.post("/users/confirm-email", {"token": await mailbox.token_for(NEW_EMAIL)})
    await phones.wait_for(NUMBER, 3)

    assert set(phones.sent_to(NUMBER)[1:]) == {"이메일 주소 변경이 요청되었습니다", "이메일 주소가 바뀌었습니다"}


# ── delivery ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_mail_that_is_put_off_is_sent_again_until_it_is_taken(guest, mailbox):
    mailbox.answers[EMAIL] = "451 later"
    await guest.made("/users/signup", {"email": EMAIL, "password": PASSWORD})
    await until(lambda: mailbox.tries)
    assert mailbox.mails == []
    mailbox.answers.clear()

    assert (await guest.post("/users/verify-email", {"token": await mailbox.token_for(EMAIL)})).status == 204


async def test_mail_that_nobody_will_ever_take_is_given_up(guest, mailbox, dsn):
    mailbox.answers[EMAIL] = "550 no such user"
    home = await guest.signed_up(EMAIL)
    connection = await asyncpg.connect(dsn)
    await until(lambda: connection.fetchval("SELECT count(*) FROM eventstore.events WHERE topic = 'message.refused'"))

    await until(lambda: connection.fetchval("SELECT NOT EXISTS (SELECT FROM readmodels.outbox)"))
    assert mailbox.tries == 1
    assert (await home.get("/users/me")).status == 200
    await connection.close()


async def test_text_that_the_webhook_does_not_take_is_sent_again_under_the_same_id(guest, phones):
    phones.statuses += [500, 302]
    await guest.signed_up(EMAIL, phone_number=NUMBER)
    await forgot(guest, via="phone")
    await phones.wait_for(NUMBER, 3)

    ids = {headers["webhook-id"] for headers, _ in phones.posts}
    assert len(ids) == 1


async def test_nothing_waits_for_a_mail_server_that_does_not_answer(settings):
    """Sign-up, sign-in and all else go on, and once there is a server, the mail comes."""
    async with mail_server() as gone:
        port = gone.port
    unreachable = replace(settings, smtp_url=f"smtp://127.0.0.1:{port}")
    async with alone(unreachable) as somewhere:
        home = await somewhere.signed_up("jun@example.com")
        assert (await home.get("/users/me")).status == 200
        async with mail_server(port) as back:
            assert await back.token_for("jun@example.com")


async def test_mail_of_a_service_that_ended_before_sending_is_sent_by_the_next(settings, mailbox):
    """Between the event and the mail anything may happen."""
    async with alone(replace(settings, projector=False)) as first:  # which is not the one that sends
        await first.made("/users/signup", {"email": "jun@example.com", "password": PASSWORD})
    assert mailbox.mails == []
    async with alone(settings) as second:
        token = await mailbox.token_for("jun@example.com")
        assert (await second.post("/users/verify-email", {"token": token})).status == 204
    assert len(mailbox.mails) == 1


async def test_several_services_send_each_mail_once(settings, guest, mailbox):
    async with alone(settings) as other:
        emails = [f"u{number}@example.com" for number in range(6)]
        for email, household in zip(emails, [guest, other] * 3, strict=True):
            await household.made("/users/signup", {"email": email, "password": PASSWORD})
        for email in emails:
            await mailbox.wait_for(email)
    assert sorted(mailbox.recipients) == emails


@asynccontextmanager
async def alone(settings):
    """A service of its own on the same database."""
    async with open_app(settings, settings.database_url) as app, TestClient(TestServer(app)) as client:
        yield Household(client)


# ── without a mail server ────────────────────────────────────────────────────────────────────────────────


async def test_mail_without_a_server_is_a_private_file_and_the_answer_says_so(settings, tmp_path):
    async with alone(replace(settings, smtp_url="", data_dir=tmp_path)) as guest:
        await guest.made("/users/signup", {"email": EMAIL, "password": PASSWORD})
        answer = await forgot(guest)
        await until(lambda: len(list((tmp_path / "mail").glob("*.eml"))) == 2)

    assert "no mail server" in answer.json["detail"]
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "mail").iterdir()} == {0o600}
    assert (tmp_path / "mail").stat().st_mode & 0o777 == 0o700


async def test_answer_says_nothing_of_files_where_there_is_a_server(guest):
    assert orjson.loads((await forgot(guest)).content) == {
        "detail": "If there is an account with this address, a link to a new password is on its way."
    }


# ── the pages that links lead to ─────────────────────────────────────────────────────────────────────────


async def test_pages_of_links_run_their_own_script_and_no_other(guest):
    for path in ("verify-email", "confirm-email", "reset-password"):
        for language in ("ko", "en"):
            answer = await guest.get(f"/users/{path}", headers={"Accept-Language": language})
            policy, text = answer.headers["Content-Security-Policy"], answer.content.decode()
            assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
            assert f'<html lang="{language}">' in text
            assert ("new_password" in text.split("<script>")[0]) == (path == "reset-password")
            assert "frame-ancestors 'none'" in policy
            assert re.search(r"script-src 'sha256-[A-Za-z0-9+/]{43}='$", policy)
            assert answer.headers["Referrer-Policy"] == "no-referrer"
