"""The ceremonies of WebAuthn Level 3: options for authenticators, and the checks of what they answer."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import webauthn
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.options_to_json_dict import options_to_json_dict
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    RegistrationCredential,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from auth.errors import InvalidPasskey, UnusablePasskey
from auth.passkeys import Passkey, passkey_id

NAME: Final = "gagyebu"
CHALLENGE_LIFETIME: Final = timedelta(minutes=5)
CREDENTIAL_ID_BYTES_MAX: Final = 1023
"""WebAuthn Level 3, 5.8.3."""
PUBLIC_KEY_BYTES_MAX: Final = 2048
"""An RSA key of 4,096 bits has 540; far longer ones would only cost time."""

_NONCE_BYTES: Final = 16
_TIME_BYTES: Final = 8
_SIGN_IN: Final = b"sign in"
_UNUSABLE: Final = "This is no valid answer of an authenticator to options of the last five minutes."


@dataclass(frozen=True)
class Attested:
    """A new credential, as its authenticator showed it; its id and key in base64url."""

    passkey_id: UUID
    credential_id: str = field(repr=False)
    public_key: str = field(repr=False)
    sign_count: int
    synced: bool


@dataclass(frozen=True)
class Assertion:
    """What an authenticator answered to sign somebody in; nothing of it is proved yet."""

    passkey_id: UUID
    user_id: UUID | None
    content: AuthenticationCredential = field(repr=False)
    challenge: bytes = field(repr=False)

    @property
    def challenge_hash(self) -> str:
        return hashlib.sha256(self.challenge).hexdigest()


@dataclass(frozen=True)
class Asserted:
    """What was proved by an assertion; `user_verified` by PIN, finger or face, not only present."""

    sign_count: int
    user_verified: bool


class Ceremonies:
    """The relying party.

    A challenge needs no memory of it: random bits, the time, and a MAC over both and what it is for. That it is
    used once is for the user's passkeys to note.
    """

    def __init__(self, public_url: str, key: bytes, clock: Callable[[], datetime]) -> None:
        url = urlsplit(public_url)
        self._rp_id = url.hostname or ""
        self._origin = _origin(url.scheme, url.hostname or "", url.port)
        self._key = key
        self._clock = clock

    def registration_options(self, user_id: UUID, email: str, existing: Iterable[Passkey]) -> dict[str, Any]:
        """What `navigator.credentials.create` takes, as JSON; a passkey can sign in by itself, so it must be found."""
        options = webauthn.generate_registration_options(
            rp_id=self._rp_id,
            rp_name=NAME,
            user_id=user_id.bytes,
            user_name=email,
            challenge=self._challenge(user_id.bytes),
            timeout=_milliseconds(CHALLENGE_LIFETIME),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.PREFERRED,
            ),
            exclude_credentials=[
                PublicKeyCredentialDescriptor(id=base64url_to_bytes(passkey.credential_id)) for passkey in existing
            ],
        )
        return options_to_json_dict(options)

    def sign_in_options(self) -> dict[str, Any]:
        """What `navigator.credentials.get` takes, as JSON; it names nobody."""
        options = webauthn.generate_authentication_options(
            rp_id=self._rp_id,
            challenge=self._challenge(_SIGN_IN),
            timeout=_milliseconds(CHALLENGE_LIFETIME),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return options_to_json_dict(options)

    def verify_registration(self, user_id: UUID, credential: dict[str, Any]) -> Attested:
        """Raises: UnusablePasskey."""
        try:
            parsed = parse_registration_credential_json(credential)
            return self._attested(user_id, parsed)
        except Exception as error:  # the library lets through whatever its parsers of bytes come upon
            raise UnusablePasskey(_UNUSABLE) from error

    def read_assertion(self, credential: dict[str, Any]) -> Assertion:
        """Read whose an answer claims to be, and that its challenge is ours. Raises: InvalidPasskey."""
        try:
            content = parse_authentication_credential_json(credential)
            handle = content.response.user_handle
            challenge = self._require_challenge(content.response.client_data_json, _SIGN_IN)
            return Assertion(passkey_id(content.raw_id), UUID(bytes=handle) if handle else None, content, challenge)
        except Exception as error:  # as above
            raise InvalidPasskey from error

    def verify(self, assertion: Assertion, public_key: str) -> Asserted:
        """Check the signature and all that it is over, but the counter. Raises: InvalidPasskey."""
        try:
            verified = webauthn.verify_authentication_response(
                credential=assertion.content,
                expected_challenge=assertion.challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origin,
                credential_public_key=base64url_to_bytes(public_key),
                credential_current_sign_count=0,  # judged by Passkeys, which notes what is wrong: after the signature
            )
        except Exception as error:  # as above
            raise InvalidPasskey from error
        return Asserted(verified.new_sign_count, verified.user_verified)

    def _attested(self, user_id: UUID, credential: RegistrationCredential) -> Attested:
        verified = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=self._require_challenge(credential.response.client_data_json, user_id.bytes),
            expected_rp_id=self._rp_id,
            expected_origin=self._origin,
        )
        if len(verified.credential_id) > CREDENTIAL_ID_BYTES_MAX:
            raise ValueError("the id of the credential is too long")
        if len(verified.credential_public_key) > PUBLIC_KEY_BYTES_MAX:
            raise ValueError("the public key is too long")
        return Attested(
            passkey_id(verified.credential_id),
            bytes_to_base64url(verified.credential_id),
            bytes_to_base64url(verified.credential_public_key),
            verified.sign_count,
            verified.credential_device_type == CredentialDeviceType.MULTI_DEVICE,
        )

    def _challenge(self, purpose: bytes) -> bytes:
        content = secrets.token_bytes(_NONCE_BYTES) + _milliseconds_at(self._clock()).to_bytes(_TIME_BYTES)
        return content + self._mac(purpose, content)

    def _require_challenge(self, client_data: bytes, purpose: bytes) -> bytes:
        """Find the challenge that was answered. Raises: ValueError where it is not ours, for this, and recent."""
        told = parse_client_data_json(client_data)
        content, mac = told.challenge[: _NONCE_BYTES + _TIME_BYTES], told.challenge[_NONCE_BYTES + _TIME_BYTES :]
        if not hmac.compare_digest(mac, self._mac(purpose, content)):
            raise ValueError("the challenge is not ours, or for something else")
        age = _milliseconds_at(self._clock()) - int.from_bytes(content[_NONCE_BYTES:])
        if age > _milliseconds(CHALLENGE_LIFETIME):
            raise ValueError("the challenge is too old")
        if told.cross_origin:
            raise ValueError("asked for within a page of another origin")
        return told.challenge

    def _mac(self, purpose: bytes, content: bytes) -> bytes:
        return hmac.digest(self._key, content + purpose, "sha256")  # `content` has one length


def _origin(scheme: str, host: str, port: int | None) -> str:
    """Write an origin as browsers do: without the scheme's own port."""
    host = f"[{host}]" if ":" in host else host
    own = {"http": 80, "https": 443}.get(scheme)
    return f"{scheme}://{host}" if port in {None, own} else f"{scheme}://{host}:{port}"


def _milliseconds(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)


def _milliseconds_at(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
