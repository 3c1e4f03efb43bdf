"""Access tokens that somebody made, changed or borrowed: every one of them is refused."""

import base64
import time
from uuid import uuid4

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.conftest import MASTER_KEY

SIGNING_KEY = Ed25519PrivateKey.from_private_bytes(MASTER_KEY.derive("access token signing"))
PUBLIC_KEY = SIGNING_KEY.public_key()


def part(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@pytest.fixture
def good(home):
    """Header and claims of a token that the service itself issued."""
    token = home.tokens["access_token"]
    return jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})


async def accepted(home, token, scheme="Bearer"):
    """Show a token; a refusal must look like every other."""
    answer = await home.get("/users/me", headers={"Authorization": f"{scheme} {token}"})
    if answer.status == 200:
        return True
    assert answer.outcome == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    return False


def signed(claims, header, key=SIGNING_KEY, algorithm="EdDSA"):
    return jwt.encode(claims, key, algorithm, {**header, "alg": algorithm})


async def test_token_made_with_the_real_key_is_accepted_so_that_refusals_mean_something(home, good):
    header, claims = good

    assert await accepted(home, signed(claims, header))
    assert await accepted(home, signed(claims, header), scheme="bearer")


async def test_token_without_signature_is_refused(home, good):
    header, claims = good
    body = part(orjson.dumps(claims))
    for algorithm in ("none", "None", "NONE", "nOnE", "", None):
        head = part(orjson.dumps({**header, "alg": algorithm}))
        for signature in ("", part(b"x" * 64)):
            assert not await accepted(home, f"{head}.{body}.{signature}")
    assert not await accepted(home, f"{part(orjson.dumps(header))}.{body}.")


async def test_token_signed_with_the_public_key_as_a_secret_is_refused(home, good):
    header, claims = good
    raw = PUBLIC_KEY.public_bytes(Encoding.Raw, PublicFormat.Raw)
    pem = PUBLIC_KEY.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for secret in (raw, pem, part(raw).encode()):
        for algorithm in ("HS256", "HS512"):
            head, body = (part(orjson.dumps(each)) for each in ({**header, "alg": algorithm}, claims))
            signature = jwt.get_algorithm_by_name(algorithm).sign(f"{head}.{body}".encode(), secret)
            assert not await accepted(home, f"{head}.{body}.{part(signature)}")


async def test_token_of_another_key_is_refused_whatever_its_header_claims(home, good):
    header, claims = good
    mine, rsa = Ed25519PrivateKey.generate(), generate_private_key(65537, 2048)
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": part(mine.public_key().public_bytes_raw())}
    for more in ({}, {"jwk": jwk}, {"jku": "https://evil.example/jwks.json"}, {"x5u": "https://evil.example/"}):
        assert not await accepted(home, signed(claims, {**header, **more}, mine))
    assert not await accepted(home, signed(claims, header, rsa, "RS256"))
    assert not await accepted(home, signed(claims, header, rsa, "PS256"))


async def test_token_with_another_header_is_refused_even_where_its_signature_holds(home, good):
    header, claims = good
    for more in (
        {"kid": "other"},
        {"kid": "../../../../dev/null"},
        {"kid": "' OR 1=1 --"},
        {"typ": "JWT"},
        {"typ": "refresh+jwt"},
        {"crit": ["exp"]},
        {"x": 1},
    ):
        assert not await accepted(home, signed(claims, {**header, **more}))


async def test_token_with_other_claims_is_refused_even_where_its_signature_holds(home, good):
    header, claims = good
    now = int(time.time())
    for more in (
        {"aud": "https://other.example"},
        {"aud": [claims["aud"], "https://other.example"]},
        {"iss": "https://other.example"},
        {"exp": now},
        {"exp": now - 1},
        {"exp": -1},
        {"nbf": now + 600},
        {"sub": "1"},
    ):
        assert not await accepted(home, signed({**claims, **more}, header)), more
    for name in ("iss", "aud", "sub", "sid", "jti", "iat", "exp"):
        assert not await accepted(home, signed({key: claims[key] for key in claims if key != name}, header)), name


async def test_token_that_was_tampered_with_is_refused(home, good):
    header, claims = good
    head, body, signature = home.tokens["access_token"].split(".")
    other_body = part(orjson.dumps({**claims, "sub": str(uuid4())}))
    for token in (
        f"{head}.{other_body}.{signature}",
        f"{head}.{body}.{part(bytes(64))}",
        f"{head}.{body}",
        f"{head}.{body}.",
        f"{head}.{body}.{signature}.{signature}",
        f"{head}.{body}.{signature[:-2]}",
        f"{part(orjson.dumps(dict(reversed(header.items()))))} .{body}.{signature}",
        "",
        "..",
        "a.b.c",
        "null",
    ):
        assert not await accepted(home, token)
    assert await accepted(home, home.tokens["access_token"])


async def test_token_that_is_oversized_is_refused(home, good):
    header, claims = good

    assert not await accepted(home, signed({**claims, "pad": "x" * 2048}, header))
    assert not await accepted(home, "x" * 7000)


async def test_token_of_another_scheme_or_place_is_refused(home):
    token = home.tokens["access_token"]
    for scheme in ("Basic", "DPoP", "Token", ""):
        assert not await accepted(home, token, scheme)
    for answer in (
        await home.get(f"/users/me?access_token={token}", headers={"Authorization": ""}),
        await home.get("/users/me", headers={"Authorization": "", "Cookie": f"access_token={token}"}),
    ):
        assert answer.outcome == (401, "unauthenticated")


async def test_refresh_token_is_no_access_token_and_an_access_token_no_refresh_token(home):
    answer = await home.post("/users/token", {"refresh_token": home.tokens["access_token"]})

    assert not await accepted(home, home.tokens["refresh_token"])
    assert answer.outcome == (401, "invalid-refresh-token")
    assert await accepted(home, home.tokens["access_token"])


async def test_token_is_needed_on_every_route_that_is_not_public(guest):
    routes = {
        (route.method, route.resource.canonical.replace("{", "").replace("}", ""))
        for route in guest.client.app.router.routes()
    }
    public = {
        ("POST", "/users/signup"),
        ("POST", "/users/signin"),
        ("GET", "/users/signin"),
        ("POST", "/users/signin/passkey"),
        ("POST", "/users/signin/passkey/options"),
        ("POST", "/users/token"),
        ("POST", "/users/forgot-password"),
        *(
            (method, f"/users/{link}")
            for method in ("GET", "HEAD", "POST")
            for link in ("verify-email", "confirm-email", "reset-password")
        ),
        *((method, path) for method in ("GET", "HEAD") for path in ("/livez", "/readyz", "/problems/slug")),
        *((method, "/.well-known/jwks.json") for method in ("GET", "HEAD")),
        *((method, "/s/code") for method in ("GET", "HEAD")),
    }
    for method, path in routes - public:
        assert (await guest.ask(method, path)).status == 401, (method, path)
    assert public <= routes
