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
        {"kid": "/etc/passwd\x00"},
        {"kid": "https://evil.example/jwks.json#1"},
        {"kid": "' OR 1=1 --"},
        {"kid": "x" * 43},
        {"kid": f"log-{'x' * 39}"},
        {"x5u": "https://evil.example/cert.pem"},
        {"x5c": ["MII"]},
        {"b64": False, "crit": ["b64"]},
        {"zip": "DEF"},
        {"cty": "JWT"},
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
        {"nbf": "soon"},
        {"exp": str(now + 600)},
        {"exp": None},
        {"sub": "1"},
    ):
        assert not await accepted(home, signed({**claims, **more}, header)), more
    for name in ("iss", "aud", "sub", "sid", "jti", "iat", "exp"):
        assert not await accepted(home, signed({key: claims[key] for key in claims if key != name}, header)), name


async def test_token_that_is_not_yet_valid_is_refused_by_its_nbf_and_not_by_its_iat(home, good):
    """We set no `nbf`; `iat` is not judged, or a worker whose clock is behind would refuse its neighbours' tokens."""
    header, claims = good
    now = int(time.time())

    assert not await accepted(home, signed({**claims, "nbf": now + 60}, header))
    assert await accepted(home, signed({**claims, "nbf": now - 60}, header))
    assert await accepted(home, signed({**claims, "iat": now + 60}, header))


def spelled(header, claims):
    """A token of JSON as it is written here, signed by the real key."""
    signed_part = f"{part(header.encode())}.{part(claims.encode())}"
    return f"{signed_part}.{part(SIGNING_KEY.sign(signed_part.encode()))}"


async def test_token_that_names_something_twice_is_refused_even_where_its_signature_holds(home, good):
    header, claims = (orjson.dumps(each).decode() for each in good)

    assert await accepted(home, spelled(header, claims))
    for twice in (f'{{"sub":"{uuid4()}",{claims[1:]}', f'{claims[:-1]},"exp":99999999999}}'):
        assert not await accepted(home, spelled(header, twice))
    for twice in (f'{{"alg":"none",{header[1:]}', f'{header[:-1]},"kid":"other"}}'):
        assert not await accepted(home, spelled(twice, claims))


async def test_token_whose_kid_is_no_text_is_refused(home, good):
    header, claims = good
    for kid in (None, ["x"], {}, 1, True):
        assert not await accepted(
            home, spelled(orjson.dumps({**header, "kid": kid}).decode(), orjson.dumps(claims).decode())
        )


async def test_token_nested_without_end_is_refused(home, good):
    header, claims = (orjson.dumps(each).decode() for each in good)
    for nested in ("[" * 1200, '{"a":' * 250):
        assert not await accepted(home, spelled(nested, claims))
        assert not await accepted(home, spelled(header, nested))


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
        ("POST", "/oauth/introspect"),
        ("POST", "/oauth/revoke"),
        *((method, "/s/code") for method in ("GET", "HEAD")),
    }
    for method, path in routes - public:
        assert (await guest.ask(method, path)).status == 401, (method, path)
    assert public <= routes
