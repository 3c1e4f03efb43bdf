"""What clients may send to sign up and in; unknown fields are refused, every limit is named in its message."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Any, Final
from uuid import UUID

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, post_load, validate, validates

from auth.api_token import SCOPES
from auth.message import MAIL, PHONE

EMAIL_LENGTH_MAX: Final = 254
PASSWORD_LENGTH_MIN: Final = 8
PASSWORD_LENGTH_MAX: Final = 128
NAME_LENGTH_MAX: Final = 100
PHONE_NUMBER_LENGTH_MAX: Final = 40
OTP_LENGTH_MAX: Final = 64
PHONE_REGION: Final = "KR"
BORN_MIN: Final = date(1900, 1, 1)
TOKEN_BOOKS_MAX: Final = 50
TOKEN_SECONDS_MIN: Final = 60
TOKEN_SECONDS_MAX: Final = 365 * 86_400
TOKEN_SECONDS_DEFAULT: Final = 90 * 86_400

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Normalized(fields.String):
    """Text in NFC, so what looks the same is the same."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        return unicodedata.normalize("NFC", super()._deserialize(value, attr, data, **kwargs) or "")


class Name(Normalized):
    """One line of 1 to 100 characters after trimming."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        name = text.strip()  # which takes some control characters for space
        if _CONTROL.search(text) or "\t" in name or "\n" in name:
            raise ValidationError("Control characters are not allowed.")
        if not 1 <= len(name) <= NAME_LENGTH_MAX:
            raise ValidationError(f"Length must be between 1 and {NAME_LENGTH_MAX} characters.")
        return name


class Email(fields.String):
    """An address that could be delivered to, its domain in lower case."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        email = super()._deserialize(value, attr, data, **kwargs) or ""
        if len(email) > EMAIL_LENGTH_MAX:
            raise ValidationError(f"An e-mail address has at most {EMAIL_LENGTH_MAX} characters.")
        try:
            return validate_email(email, check_deliverability=False).normalized
        except EmailNotValidError as error:
            raise ValidationError(str(error)) from None


class BirthDate(fields.Field[date]):
    """A calendar date since 1900, YYYY-MM-DD and nothing else."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> date:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise ValidationError("A date is an existing day in the form YYYY-MM-DD.")
        try:
            day = date.fromisoformat(value)
        except ValueError:
            raise ValidationError("A date is an existing day in the form YYYY-MM-DD.") from None
        if day < BORN_MIN:
            raise ValidationError(f"A birth date is not before {BORN_MIN}.")
        return day


class PhoneNumber(fields.String):
    """A number that exists, Korean unless it begins with `+`; kept in E.164."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs) or ""
        try:
            number = phonenumbers.parse(text[: PHONE_NUMBER_LENGTH_MAX + 1], PHONE_REGION)
        except phonenumbers.NumberParseException:
            number = None
        if number is None or len(text) > PHONE_NUMBER_LENGTH_MAX or not phonenumbers.is_valid_number(number):
            raise ValidationError("This is no phone number such as “010-1234-5678” or “+82 10-1234-5678”.")
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


class Otp(fields.String):
    """A code of an authenticator app, or a recovery code; any may be tried."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        otp = super()._deserialize(value, attr, data, **kwargs) or ""
        if len(otp) > OTP_LENGTH_MAX:
            raise ValidationError(f"A code has at most {OTP_LENGTH_MAX} characters.")
        return otp


class Credential(fields.Dict):
    """What `navigator.credentials` answered, by its `toJSON()`; judged by the ceremony that it answers."""


def _new_password() -> Normalized:
    return Normalized(
        required=True,
        validate=validate.Length(
            PASSWORD_LENGTH_MIN,
            PASSWORD_LENGTH_MAX,
            error=f"A password has {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters.",
        ),
    )


def refuse_past(_: str) -> None:
    """Raises: ValidationError."""
    raise ValidationError("Only what is of a book, and the wallet, can be read as it was known.")


class Strict(Schema):
    class Meta:
        unknown = RAISE


class Dated(Strict):
    """Has a birth date, which is today at the latest."""

    def __init__(self, today: date) -> None:
        super().__init__()
        self._today = today

    @validates("birth_date")
    def _validate_birth_date(self, value: date | None, **_: Any) -> None:
        if value is not None and value > self._today:
            raise ValidationError("A birth date is not in the future.")


class SignUp(Dated):
    email = Email(required=True)
    password = _new_password()
    name = Name(load_default=None, allow_none=True)
    birth_date = BirthDate(load_default=None, allow_none=True)
    phone_number = PhoneNumber(load_default=None, allow_none=True)


class AmendUser(Dated):
    """A JSON merge patch (RFC 7396): null takes a field away."""

    name = Name(allow_none=True)
    birth_date = BirthDate(allow_none=True)
    phone_number = PhoneNumber(allow_none=True)


class SignIn(Strict):
    """Any password may be tried: one that could not have been chosen is as wrong as another."""

    email = Email(required=True)
    password = Normalized(required=True)
    otp = Otp(load_default=None, allow_none=True)
    passkey = Credential(load_default=None, allow_none=True)


class SignInWithPasskey(Strict):
    credential = Credential(required=True)


class EnrollTotp(Strict):
    password = Normalized(required=True)


class ConfirmTotp(Strict):
    otp = Otp(required=True)


class Reauthenticate(Strict):
    """`otp`: where an authenticator app is set up."""

    password = Normalized(required=True)
    otp = Otp(load_default=None, allow_none=True)


class RegisterPasskey(Strict):
    name = Name(required=True)
    credential = Credential(required=True)


class Refresh(Strict):
    refresh_token = fields.String(required=True)


class ChangePassword(Strict):
    current_password = Normalized(required=True)
    new_password = _new_password()
    otp = Otp(load_default=None, allow_none=True)


class ChangeEmail(Strict):
    email = Email(required=True)
    password = Normalized(required=True)
    otp = Otp(load_default=None, allow_none=True)


class UseLink(Strict):
    token = fields.String(required=True)


class ForgotPassword(Strict):
    email = Email(required=True)
    via = fields.String(
        load_default=MAIL, validate=validate.OneOf((MAIL, PHONE), error=f"Via is “{MAIL}” or “{PHONE}”.")
    )


class ResetPassword(Strict):
    token = fields.String(required=True)
    new_password = _new_password()


class CreateApiToken(Strict):
    name = Name(required=True)
    scopes = fields.List(
        fields.String(validate=validate.OneOf(SCOPES, error="A scope is read or write.")),
        required=True,
        validate=validate.Length(min=1, max=len(SCOPES), error="Name read, write or both."),
    )
    books = fields.List(
        fields.UUID(),
        load_default=None,
        allow_none=True,
        validate=validate.Length(1, TOKEN_BOOKS_MAX, error=f"Name 1 to {TOKEN_BOOKS_MAX} books, or leave it out."),
    )
    expires_in_seconds = fields.Integer(
        load_default=TOKEN_SECONDS_DEFAULT,
        strict=True,
        validate=validate.Range(
            TOKEN_SECONDS_MIN,
            TOKEN_SECONDS_MAX,
            error=f"A token lasts {TOKEN_SECONDS_MIN} to {TOKEN_SECONDS_MAX} seconds.",
        ),
    )

    @post_load
    def _without_repeats(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        books: list[UUID] | None = data["books"]
        return {**data, "books": books and list(dict.fromkeys(books))}


class AskPresent(Schema):
    """What is read as it is now alone: `known_at` is refused, lest the present be taken for the past."""

    class Meta:
        unknown = EXCLUDE

    known_at = fields.String(validate=refuse_past)


class Nothing(Strict):
    """A request whose body, where there is one, is an empty object."""
