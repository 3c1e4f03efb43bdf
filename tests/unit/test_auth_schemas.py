"""What clients may send to sign up and in."""

from datetime import date

import pytest
from marshmallow import ValidationError

from auth.schemas import Nothing, Refresh, SignIn, SignUp

TODAY = date(2026, 11, 23)
MINIMAL = {"email": "minsu@example.com", "password": "blue-teapot-42"}


def sign_up(**fields):
    return SignUp(TODAY).load({**MINIMAL, **fields})


def refused(**fields):
    """The messages of the one field that is refused."""
    with pytest.raises(ValidationError) as refusal:
        sign_up(**fields)
    (messages,) = refusal.value.normalized_messages().values()
    return messages


def test_sign_up_needs_only_email_and_password():
    assert sign_up() == {**MINIMAL, "name": None, "birth_date": None, "phone_number": None}


def test_sign_up_takes_null_for_what_is_optional():
    assert sign_up() == sign_up(name=None, birth_date=None, phone_number=None)


def test_sign_up_names_every_field_that_is_refused():
    with pytest.raises(ValidationError) as refusal:
        SignUp(TODAY).load({"birth_date": "2026-11-24", "name": "", "nickname": "x"})
    assert {"email", "password", "birth_date", "name", "nickname"} == set(refusal.value.normalized_messages())


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Minsu.Kim@Example.COM", "Minsu.Kim@example.com"),
        ("minsu+books@example.com", "minsu+books@example.com"),
        ("\u1100\u1175\u11b7@example.com", "김@example.com"),
        ("a@" + "b" * 60 + ".example.com", "a@" + "b" * 60 + ".example.com"),
    ],
)
def test_email_is_kept_normalised(given, kept):
    assert kept == sign_up(email=given)["email"]


@pytest.mark.parametrize(
    "email",
    ["", "minsu", "minsu@", "@example.com", "a b@example.com", "a@localhost", "a@b@example.com", "a..b@example.com"],
)
def test_email_of_no_valid_form_is_refused(email):
    assert refused(email=email)


@pytest.mark.parametrize("email", [None, 1, ["a@example.com"], {}])
def test_email_that_is_no_text_is_refused(email):
    assert refused(email=email)


def test_email_too_long_is_refused_with_the_limit():
    email = "a" * 60 + "@" + ".".join(["b" * 60] * 4) + ".com"
    assert refused(email=email) == ["An e-mail address has at most 254 characters."]


@pytest.mark.parametrize("password", ["x" * 8, "x" * 128, "\0" * 8, "가" * 128, "       x", "\n\t" * 8])
def test_password_of_any_characters_is_taken_as_it_is(password):
    assert password == sign_up(password=password)["password"]


@pytest.mark.parametrize("password", ["", "x" * 7, "x" * 129])
def test_password_too_short_or_long_is_refused_with_the_limits(password):
    assert refused(password=password) == ["A password has 8 to 128 characters."]


def test_password_typed_in_another_unicode_form_is_the_same():
    assert sign_up(password="\u1100\u1161계부를쓰는우리")["password"] == "가계부를쓰는우리"


@pytest.mark.parametrize(("given", "kept"), [(" 김민수\t\n", "김민수"), ("x" * 100, "x" * 100), ("\u1100\u1161", "가")])
def test_name_is_trimmed_and_normalised(given, kept):
    assert kept == sign_up(name=given)["name"]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_name_too_short_or_long_is_refused_with_the_limits(name):
    assert refused(name=name) == ["Length must be between 1 and 100 characters."]


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "a\tb", "a\x85b", "a\x1f", "\x1ca", "a\x85", "a\r", 1])
def test_name_with_control_characters_or_of_another_type_is_refused(name):
    assert refused(name=name)


@pytest.mark.parametrize("day", ["1900-01-01", "2004-02-29", "2026-11-23"])
def test_birth_date_up_to_today_is_taken(day):
    assert date.fromisoformat(day) == sign_up(birth_date=day)["birth_date"]


@pytest.mark.parametrize(
    ("day", "message"),
    [
        ("2026-11-24", "A birth date is not in the future."),
        ("1899-12-31", "A birth date is not before 1900-01-01."),
        *(
            (day, "A date is an existing day in the form YYYY-MM-DD.")
            for day in ("2005-02-29", "0000-01-01", "19870301", "1987-3-1", "1987-03-01T00:00:00", "1987-W10-1", "", 0)
        ),
    ],
)
def test_birth_date_that_cannot_be_is_refused(day, message):
    assert [message] == refused(birth_date=day)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("010-1234-5678", "+821012345678"),
        ("+82 10 1234 5678", "+821012345678"),
        ("02-312-3456", "+8223123456"),
        ("+1 (650) 253-0000", "+16502530000"),
    ],
)
def test_phone_number_is_kept_in_e164(given, kept):
    assert kept == sign_up(phone_number=given)["phone_number"]


@pytest.mark.parametrize("phone_number", ["", "123", "not a number", "+82 10", "0" * 1000, "010-1234-5678" * 10, 1])
def test_phone_number_that_does_not_exist_is_refused(phone_number):
    assert refused(phone_number=phone_number)


def test_sign_in_takes_any_password_to_be_tried():
    assert SignIn().load({"email": "minsu@example.com", "password": "x"})["password"] == "x"


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        (SignIn(), {**MINIMAL, "remember": True}),
        (SignIn(), {"email": "minsu@example.com"}),
        (Refresh(), {}),
        (Refresh(), {"refresh_token": 1}),
        (Nothing(), {"all": True}),
        (SignIn(), []),
    ],
)
def test_body_with_unknown_or_missing_fields_is_refused(schema, body):
    with pytest.raises(ValidationError):
        schema.load(body)
