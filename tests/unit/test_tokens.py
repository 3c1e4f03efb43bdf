"""Access tokens: what is issued verifies, and nothing else does."""

import asyncio
import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from auth.errors import Unauthenticated, UnknownKey
from auth.middleware import authenticate
from auth.tokens import LIFETIME, TOKEN_LENGTH_MAX, AccessTokens, TokenKey

SEED = bytes(range(32))
ISSUER = "https://gagyebu.example"
AUDIENCE = "gagyebu"
USER_ID = UUID("01935000-0000-7000-8000-000000000001")
SESSION_ID = UUID("01935000-0000-7000-8000-000000000002")
START = datetime(2026, 11, 23, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(SEED)


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


class Denied:
    """A denylist that holds some sessions, asked in memory or, late, in the database."""

    def __init__(self, *sessions, late=False):
        self.sessions, self.late = sessions, late

    def is_denied(self, _user_id, session_id):
        return self._ask(session_id) if self.late else session_id in self.sessions

    async def _ask(self, session_id):
        await asyncio.sleep(0)
        return session_id in self.sessions


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tokens(clock):
    return AccessTokens([TokenKey(SEED)], ISSUER, AUDIENCE, uuid4, clock)


@pytest.fixture
def token(tokens):
    return tokens.issue(USER_ID, SESSION_ID, ["pwd"])


def parts(token):
    return jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})


def forge(token, *, header=None, claims=None, key=KEY, algorithm="EdDSA"):
    """The token with some changes, signed anew; None takes a part away."""
    was_header, was_claims = parts(token)
    new_header = {name: value for name, value in {**was_header, **(header or {})}.items() if value is not None}
    new_claims = {name: value for name, value in {**was_claims, **(claims or {})}.items() if value is not None}
    new_header.pop("alg")
    return jwt.encode(new_claims, key, algorithm, new_header)


def spell(header, claims, signature=b""):
    """A token as an attacker writes it, without a library that would refuse."""
    content = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in content)


def test_token_carries_the_claims_and_header_of_the_contract(tokens, token):
    header, claims = parts(token)
    assert {"alg": "EdDSA", "typ": "at+jwt", "kid": tokens.jwks()["keys"][0]["kid"]} == header
    assert str(UUID(claims.pop("jti")))
    issued_at = int(START.timestamp())
    assert {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(USER_ID),
        "sid": str(SESSION_ID),
        "amr": ["pwd"],
        "iat": issued_at,
        "exp": issued_at + 900,
    } == claims


def test_token_verifies_to_its_principal(tokens, token):
    principal = tokens.verify(token)
    assert (principal.user_id, principal.session_id, principal.expires_at) == (USER_ID, SESSION_ID, START + LIFETIME)


def test_token_is_the_only_one_with_its_id(tokens, token):
    assert tokens.verify(token).token_id != tokens.verify(tokens.issue(USER_ID, SESSION_ID, ["pwd"])).token_id


def test_token_of_one_worker_verifies_on_another_whose_clock_is_behind(clock, token):
    clock.now = START - timedelta(seconds=5)
    assert AccessTokens([TokenKey(SEED)], ISSUER, AUDIENCE, uuid4, clock).verify(token).user_id == USER_ID


def test_token_verifies_until_it_expires(tokens, token, clock):
    clock.now = START + LIFETIME - timedelta(microseconds=1)
    assert tokens.verify(token)


@pytest.mark.parametrize("seen_before", [True, False])
def test_token_expired_is_refused_without_leeway(tokens, token, clock, seen_before):
    if seen_before:
        tokens.verify(token)
    clock.now = START + LIFETIME
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            tokens.verify(token)


def test_token_seen_before_is_not_verified_again(tokens, token):
    assert tokens.verify(token) is tokens.verify(token)


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "sid", "jti", "iat", "exp"])
def test_token_without_a_claim_is_refused(tokens, token, claim):
    with pytest.raises(Unauthenticated):
        tokens.verify(forge(token, claims={claim: None}))


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"},
        {"aud": "other"},
        {"aud": [AUDIENCE, "other"]},
        {"sub": "no uuid"},
        {"sid": "no uuid"},
        {"jti": "no uuid"},
    ],
)
def test_token_with_another_claim_is_refused(tokens, token, claims):
    with pytest.raises(Unauthenticated):
        tokens.verify(forge(token, claims=claims))


@pytest.mark.parametrize("header", [{"typ": "JWT"}, {"typ": None}, {"kid": "other"}, {"kid": None}, {"jku": "x"}])
def test_token_with_another_header_is_refused(tokens, token, header):
    with pytest.raises(Unauthenticated):
        tokens.verify(forge(token, header=header))


def test_token_of_another_key_is_refused(tokens, token):
    with pytest.raises(Unauthenticated):
        tokens.verify(forge(token, key=Ed25519PrivateKey.generate()))


def test_token_without_signature_is_refused(tokens, token):
    header, claims = parts(token)
    for algorithm in ("none", "None", "EdDSA"):
        with pytest.raises(Unauthenticated):
            tokens.verify(spell({**header, "alg": algorithm}, claims))


def test_token_signed_with_the_public_key_as_a_secret_is_refused(tokens, token):
    header, claims = parts(token)
    signed = spell({**header, "alg": "HS256"}, claims).rpartition(".")[0]
    for secret in (
        KEY.public_key().public_bytes_raw(),
        KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    ):
        signature = hmac.digest(secret, signed.encode(), "sha256")
        with pytest.raises(Unauthenticated):
            tokens.verify(spell({**header, "alg": "HS256"}, claims, signature))


def test_token_with_any_character_changed_is_refused(tokens, token):
    for place in range(0, len(token) - 1, 7):  # the last character has spare bits
        other = "A" if token[place] != "A" else "B"
        with pytest.raises(Unauthenticated):
            tokens.verify(token[:place] + other + token[place + 1 :])


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "가.나.다", "\udcff", "e30.e30.e30", "A" * 10_000])
def test_token_malformed_is_refused(tokens, text):
    with pytest.raises(Unauthenticated):
        tokens.verify(text)


def test_token_oversized_is_refused_though_signed(tokens, token):
    with pytest.raises(Unauthenticated):
        tokens.verify(forge(token, claims={"padding": "x" * TOKEN_LENGTH_MAX}))


def spelled(header, claims, key=KEY):
    """A token of JSON as it is written here, signed."""
    head, body = (base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in (header, claims))
    signature = base64.urlsafe_b64encode(key.sign(f"{head}.{body}".encode())).rstrip(b"=").decode()
    return f"{head}.{body}.{signature}"


def test_token_that_names_a_claim_or_header_twice_is_refused_though_signed(tokens, token):
    header, claims = map(json.dumps, parts(token))
    twice = f'{{"sub": "{uuid4()}", {claims[1:]}', f'{claims[:-1]}, "exp": 99999999999}}'
    assert tokens.verify(spelled(header, claims)).user_id == USER_ID
    for written in (*((header, each) for each in twice), (f'{{"kid": "x", {header[1:]}', claims)):
        with pytest.raises(Unauthenticated):
            tokens.verify(spelled(*written))


@pytest.mark.parametrize("place", [0, 1])
def test_token_nested_without_end_is_refused(tokens, token, place):
    written = list(map(json.dumps, parts(token)))
    written[place] = "[" * 1200
    with pytest.raises(Unauthenticated):
        tokens.verify(spelled(*written))


@pytest.mark.parametrize("claims", [{"exp": "soon"}, {"exp": 1e300}, {"exp": [1]}, {"sid": 5}, {"jti": {}}])
def test_token_whose_claims_are_of_another_kind_is_refused_though_signed(tokens, token, claims):
    with pytest.raises(Unauthenticated):
        tokens.verify(forge(token, claims=claims))


NEW_SEED = bytes(reversed(range(32)))


def rotated(tokens, until):
    tokens.use([TokenKey(SEED, until), TokenKey(NEW_SEED)])


def test_newest_key_signs_and_the_superseded_one_verifies_until_its_time(tokens, token, clock):
    until = START + LIFETIME / 3
    rotated(tokens, until)
    newer = tokens.issue(USER_ID, SESSION_ID, ["pwd"])
    assert parts(newer)[0]["kid"] == TokenKey(NEW_SEED).kid
    assert [TokenKey(SEED).kid, TokenKey(NEW_SEED).kid] == [key["kid"] for key in tokens.jwks()["keys"]]
    assert tokens.verify(token).user_id == tokens.verify(newer).user_id == USER_ID
    other = forge(token, claims={"jti": str(uuid4())})
    clock.now = until
    with pytest.raises(Unauthenticated):
        tokens.verify(other)
    assert [TokenKey(NEW_SEED).kid] == [key["kid"] for key in tokens.jwks()["keys"]]


def test_key_signs_under_no_name_but_its_own(tokens, token):
    rotated(tokens, START + LIFETIME)
    with pytest.raises(Unauthenticated):
        tokens.verify(forge(token, header={"kid": TokenKey(NEW_SEED).kid}))
    with pytest.raises(Unauthenticated):
        tokens.verify(forge(token, key=Ed25519PrivateKey.from_private_bytes(NEW_SEED)))


def test_token_of_a_key_that_is_gone_is_refused_though_it_was_seen_before(tokens, token):
    tokens.verify(token)
    tokens.use([TokenKey(NEW_SEED)])
    with pytest.raises(UnknownKey):
        tokens.verify(token)


def test_token_of_a_key_that_nobody_could_have_made_is_not_worth_a_look(tokens, token):
    for kid in ("", "other", "../../../dev/null", "' OR 1=1 --", "x" * 44, "log-" + "x" * 39 + "."):
        with pytest.raises(Unauthenticated) as caught:
            tokens.verify(forge(token, header={"kid": kid}))
        assert type(caught.value) is Unauthenticated


def test_jwks_holds_the_public_key_named_by_its_thumbprint(tokens, token):
    (key,) = tokens.jwks()["keys"]
    thumbprint = hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{key["x"]}"}}'.encode()).digest()
    assert base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode() == key["kid"]
    assert {"crv", "kty", "x", "use", "alg", "kid"} == set(key)
    public_key = jwt.PyJWK(key).key
    assert isinstance(public_key, Ed25519PublicKey)
    assert KEY.public_key().public_bytes_raw() == public_key.public_bytes_raw()


@pytest.mark.parametrize("late", [True, False])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_header_with_a_token_authenticates(tokens, token, scheme, late):
    assert (await authenticate(f"{scheme} {token}", tokens, Denied(late=late))).user_id == USER_ID


@pytest.mark.parametrize("late", [True, False])
async def test_header_with_the_token_of_an_ended_session_is_refused(tokens, token, late):
    with pytest.raises(Unauthenticated):
        await authenticate(f"Bearer {token}", tokens, Denied(SESSION_ID, late=late))


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic {token}", "{token}", "Bearer {token} x"])
async def test_header_without_a_token_is_refused(tokens, token, header):
    with pytest.raises(Unauthenticated):
        await authenticate(header and header.format(token=token), tokens, Denied())
