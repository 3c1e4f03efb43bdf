"""Messages and what they do to users: links that work once, addresses that move."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from auth.commands.messages import link_token
from auth.errors import LinkInvalid
from auth.message import CONFIRM_EMAIL, MAIL, VERIFY_EMAIL, Message
from auth.user import EmailClaim, PendingEmail, User
from eventstore.tokens import StreamToken
from tests.given import an_id, given

NOW = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
LAPSES = NOW + timedelta(days=7)
MOMENT = timedelta(microseconds=1)
USER, OTHER, LINK = an_id(1), an_id(2), an_id(3)
KEY = bytes(range(32))


def a_message():
    return Message(LINK, VERIFY_EMAIL, MAIL, "mina@example.com", "ko", 0, LAPSES)


def a_user():
    return User(USER, "mina@example.com", "김미나", date(1990, 2, 17), "+821012345678", "$argon2id$one")


def sent(message):
    message.note_sent()


def used(message):
    message.use(VERIFY_EMAIL, NOW)


def test_link_works_once():
    given(a_message()).when(used).then((Message.Used, {}))
    given(a_message(), sent, used).when(used).raises(LinkInvalid)


def test_link_works_until_it_lapses_and_for_its_kind_alone():
    given(a_message()).when(lambda message: message.use(VERIFY_EMAIL, LAPSES - MOMENT)).then((Message.Used, {}))
    given(a_message()).when(lambda message: message.use(VERIFY_EMAIL, LAPSES)).raises(LinkInvalid)
    given(a_message()).when(lambda message: message.use(CONFIRM_EMAIL, NOW)).raises(LinkInvalid)


def test_message_is_due_until_it_is_sent_refused_used_or_lapses():
    assert a_message().is_due(LAPSES - MOMENT)
    assert not a_message().is_due(LAPSES)
    for over in (sent, used, lambda message: message.note_refused()):
        assert not given(a_message(), over).aggregate.is_due(NOW)


def test_message_whose_address_was_erased_is_never_due():
    message = a_message()
    message.to = None
    assert not message.is_due(NOW)


def test_message_shows_no_address_when_printed():
    assert f"Message({LINK})" == repr(a_message())


def test_link_token_follows_from_user_message_and_key():
    token = link_token(KEY, USER, LINK)
    assert token == link_token(KEY, USER, LINK) == StreamToken.parse(token.text)
    others = [link_token(KEY, OTHER, LINK), link_token(KEY, USER, OTHER), link_token(bytes(32), USER, LINK)]
    assert 4 == len({token.secret, *(other.secret for other in others)})
    assert not token.matches(replace(token, secret=bytes(32)).digest)


def test_profile_is_amended_whole_and_only_where_it_changes():
    as_it_was = {"name": "김미나", "birth_date": date(1990, 2, 17), "phone_number": "+821012345678"}
    given(a_user()).when(lambda user: user.amend_profile(**as_it_was, now=NOW)).then()
    renamed = {**as_it_was, "name": "박미나"}
    given(a_user()).when(lambda user: user.amend_profile(**renamed, now=NOW)).then(
        (User.ProfileAmended, {**renamed, "phone_number_since": None})
    )


@pytest.mark.parametrize("number", [None, "+821087654321"])
def test_another_phone_number_is_known_to_be_new(number):
    amended = given(a_user(), lambda user: user.amend_profile(None, None, number, NOW)).aggregate
    assert (number, NOW) == (amended.phone_number, amended.phone_number_since)


def test_email_is_verified_once():
    given(a_user()).when(User.verify_email).then((User.EmailVerified, {}))
    given(a_user(), User.verify_email).when(User.verify_email).then()


def test_changed_email_is_verified_and_voids_links():
    asked = given(a_user(), lambda user: user.ask_email_change("new@example.com", LAPSES)).aggregate
    assert PendingEmail("new@example.com", LAPSES) == asked.pending_email
    changed = given(asked, lambda user: user.change_email("new@example.com")).aggregate
    assert ("new@example.com", True, None, 1) == (
        changed.email,
        changed.email_verified,
        changed.pending_email,
        changed.credentials,
    )


def test_changed_password_calls_off_a_change_of_address_and_voids_links():
    changed = given(
        a_user(),
        lambda user: user.ask_email_change("new@example.com", LAPSES),
        lambda user: user.change_password("$argon2id$two"),
    ).aggregate
    assert ("$argon2id$two", None, 1) == (changed.password_hash, changed.pending_email, changed.credentials)


def test_claim_is_released_and_taken_again():
    freed = given(EmailClaim(an_id(9), USER)).when(lambda claim: claim.release()).then((EmailClaim.Released, {}))
    assert freed.user_id is None
    taken = given(freed).when(lambda claim: claim.reclaim(OTHER)).then((EmailClaim.Reclaimed, {"user_id": OTHER}))
    assert OTHER == taken.user_id
