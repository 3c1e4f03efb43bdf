"""The user and the claim of an e-mail address."""

import os
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from auth.errors import AuthError, EmailTaken, InvalidCredentials, WeakPassword
from auth.user import EmailClaim, User, age_on, claim_id
from eventstore.codec import Metadata, decode, encode

PEPPER = bytes(range(32))
NOW = datetime(2026, 11, 23, 1, 2, 3, 456789, tzinfo=UTC)
USER_ID = UUID("01935000-0000-7000-8000-000000000001")
KEY = AESGCM(os.urandom(32))


def sign_up(birth_date=date(1987, 3, 1)):
    return User(
        id=USER_ID,
        email="minsu@example.com",
        name="김민수",
        birth_date=birth_date,
        phone_number="+821012345678",
        password_hash="$argon2id$secret",
    )


def stored(aggregate, key):
    """The pending events as the store keeps them."""
    encoded = [encode(event, aggregate.id, Metadata(USER_ID, "r"), KEY) for event in aggregate.unrecorded_events()]
    return [
        {**event._asdict(), "position": position, "recorded_at": NOW} for position, event in enumerate(encoded, start=1)
    ]


def replayed(aggregate, key=KEY):
    """The aggregate as it comes back from the store."""
    replay = None
    for row in stored(aggregate, key):
        replay = decode(row, key).event.mutate(replay)
    return replay


def test_user_comes_back_from_its_events_as_it_was():
    user = sign_up()
    user.rehash_password("$argon2id$newer")
    back = replayed(user)
    assert (USER_ID, "minsu@example.com", "김민수", date(1987, 3, 1), "+821012345678", "$argon2id$newer", NOW) == (
        back.id,
        back.email,
        back.name,
        back.birth_date,
        back.phone_number,
        back.password_hash,
        back.created_on,
    )


def test_user_without_birth_date_comes_back_without():
    assert replayed(sign_up(birth_date=None)).birth_date is None


def test_user_whose_key_was_destroyed_has_no_personal_data():
    back = replayed(sign_up(), key=None)
    assert {None} == {back.email, back.name, back.birth_date, back.phone_number, back.password_hash}


def test_user_events_show_nothing_personal_in_storage():
    user = sign_up()
    user.rehash_password("$argon2id$newer")
    state = b"".join(row["state"] for row in stored(user, KEY))
    for secret in ("minsu", "김민수", "1987", "1234", "argon2id"):
        assert secret.encode() not in state


def test_user_shows_no_secret_when_printed():
    user = sign_up()
    assert f"User({USER_ID})" == repr(user)
    assert "argon2id" not in repr(user.unrecorded_events())


def test_claim_comes_back_with_its_user():
    claim = EmailClaim(id=claim_id(PEPPER, "minsu@example.com"), user_id=USER_ID)
    assert replayed(claim).user_id == USER_ID


@pytest.mark.parametrize("other", ["Minsu@example.com", "minsu@EXAMPLE.com", "MINSU@EXAMPLE.COM"])
def test_claim_of_an_address_in_any_letter_case_is_the_same(other):
    assert claim_id(PEPPER, "minsu@example.com") == claim_id(PEPPER, other)


def test_claim_of_an_address_in_any_unicode_form_is_the_same():
    assert claim_id(PEPPER, "김@example.com") == claim_id(PEPPER, "\u1100\u1175\u11b7@example.com")


def test_claims_of_other_addresses_or_peppers_differ():
    assert claim_id(PEPPER, "a@example.com") != claim_id(PEPPER, "b@example.com")
    assert claim_id(PEPPER, "a@example.com") != claim_id(bytes(32), "a@example.com")


@pytest.mark.parametrize(
    ("birth_date", "today", "age"),
    [
        (date(1987, 3, 1), date(2026, 2, 28), 38),
        (date(1987, 3, 1), date(2026, 3, 1), 39),
        (date(2004, 2, 29), date(2026, 2, 28), 21),
        (date(2004, 2, 29), date(2026, 3, 1), 22),
        (date(2026, 11, 23), date(2026, 11, 23), 0),
    ],
)
def test_age_counts_full_years(birth_date, today, age):
    assert age == age_on(today, birth_date)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (EmailTaken(), "There is already an account with this e-mail address."),
        (InvalidCredentials(), "The e-mail address, the password or the code is wrong."),
        (WeakPassword("Too short for {this}."), "Too short for {this}."),
    ],
)
def test_error_says_its_message(error, message):
    assert isinstance(error, AuthError)
    assert message == str(error)


def test_user_ids_are_given():
    other = uuid4()
    claim = EmailClaim(id=other, user_id=USER_ID)
    assert other == claim.id


def test_roles_are_granted_and_taken_once():
    user = sign_up()
    for _ in range(2):
        user.grant_role("admin")
        user.grant_role("auditor")
        user.take_role("auditor")
    kinds = [type(event) for event in user.unrecorded_events()]
    granted, taken = User.RoleGranted, User.RoleTaken
    assert [User.SignedUp, granted, granted, taken, granted, taken] == kinds
    assert {"admin"} == replayed(user).roles


def test_erased_user_comes_back_without_what_was_sealed():
    user = sign_up()
    user.erase()
    user.erase()
    assert [User.SignedUp, User.Erased] == [type(event) for event in user.unrecorded_events()]
    back = replayed(user, key=None)
    assert (True, None, None, None) == (back.erased, back.email, back.name, back.password_hash)
