"""What the service writes about itself: JSON lines that tell what happened, and nothing of whom."""

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from pathlib import Path

import aiohttp
import asyncpg
import orjson
import pytest
from pyotp import TOTP

from tests.authenticator import Authenticator, encode
from tests.conftest import MASTER_KEY
from tests.fault.until import until
from tests.mailbox import text_of, token_in

ROOT = Path(__file__).parents[2]
SECRETS = {
    "email": "mina.geheim@example.com",
    "password": "korrekt-Pferd-77",
    "name": "김미나리",
    "memo": "병원 진료비",
    "tag": "비밀태그",
    "book": "우리집비밀",
    "search": "찾는말",
    "passkey": "미나의 비밀폰",
    "token": "비밀스크립트",
}

REVOKED = "token revoked by its holder"


@pytest.fixture
def process(dsn, tmp_path):
    """Run the service as a process; yields its address, and leaves its log behind."""

    @asynccontextmanager
    async def run(log, **settings):
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GAGYEBU_")},
            "GAGYEBU_DATABASE_URL": dsn,
            "GAGYEBU_MASTER_KEY": MASTER_KEY.text,
            "GAGYEBU_PORT": "0",
            "GAGYEBU_DATA_DIR": str(tmp_path),
            **settings,
        }
        with log.open("wb") as stderr:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "service", "serve"),
                cwd=ROOT,
                env=environment,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
            )
        try:
            ready = (await process.stdout.readline()).decode()
            assert ready.startswith("ready on http://127.0.0.1:"), log.read_text("utf-8")
            yield ready.removeprefix("ready on ").strip()
        finally:
            process.terminate()
            assert await asyncio.wait_for(process.wait(), 30) == 0

    return run


async def live_a_little(address, dsn):
    """Send requests that hold every kind of personal text and secret; return the secrets met on the way."""
    credentials = {"email": SECRETS["email"], "password": SECRETS["password"]}
    async with aiohttp.ClientSession(address) as client:

        async def ask(method, path, status, **options):
            async with client.request(method, path, **options) as answer:
                assert answer.status == status, await answer.text()
                return orjson.loads(await answer.read() or b"{}")

        await ask("POST", "/users/signup", 201, json={**credentials, "name": SECRETS["name"]})
        await ask("POST", "/users/signup", 409, json=credentials)
        await ask("POST", "/users/signin", 401, json={**credentials, "password": f"{SECRETS['password']}x"})
        tokens = await ask("POST", "/users/signin", 200, json=credentials)
        client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        tokens |= {"rotated": (await ask("POST", "/users/token", 200, json=tokens_body(tokens)))["refresh_token"]}
        tokens |= await prove_more(ask, credentials)
        issued = await ask("POST", "/users/me/tokens", 201, json={"name": SECRETS["token"], "scopes": ["read"]})
        for token in (issued["token"], f"{issued['token'][:-2]}xx"):
            await ask("GET", "/wallet", 200 if token == issued["token"] else 401, headers=bearer(token))
        to_read = {**bearer(issued["token"]), "X-Request-Id": "req-403"}
        await ask("POST", "/books", 403, json={"name": SECRETS["book"]}, headers=to_read)
        form = {"token": issued["token"]}
        await ask("POST", "/oauth/introspect", 401, data=form, headers={"Authorization": "Basic Z2VoZWltOnNlY3JldA=="})
        await ask("POST", "/oauth/revoke", 200, data=form)
        tokens |= {"issued": issued["token"], "client": "Z2VoZWltOnNlY3JldA=="}
        book = await ask("POST", "/books", 201, json={"name": SECRETS["book"]})
        entries = f"/books/{book['id']}/entries"
        entry = {"kind": "expense", "amount": 1, "memo": SECRETS["memo"], "tags": [SECRETS["tag"]]}
        made = await ask("POST", entries, 201, json=entry, headers={"X-Request-Id": "req-entry"})
        link = await ask("POST", f"{entries}/{made['id']}/shares", 201)
        await ask("GET", f"/s/{link['code']}", 200)
        await ask("POST", entries, 422, json={**entry, SECRETS["search"]: 1})
        await ask("GET", entries, 200, params={"q": SECRETS["search"]})
        await ask("GET", f"/{SECRETS['search']}", 404)
        owner = await asyncpg.connect(dsn)
        await owner.execute("DROP TABLE readmodels.entries CASCADE")
        await owner.close()
        await ask("GET", entries, 500, params={"q": SECRETS["search"]}, headers={"X-Request-Id": "req-500"})
        await ask("POST", "/users/signout", 204)
    tokens |= {"code": link["code"]}
    return [*SECRETS.values(), *(value for value in tokens.values() if isinstance(value, str) and value != "Bearer")]


async def prove_more(ask, credentials):
    """Set up an authenticator app and a passkey, and sign in by each; return the secrets met on the way."""
    password = {"password": credentials["password"]}
    key = Authenticator()
    options = await ask("POST", "/users/me/passkeys/options", 200, json=password)
    registration = {"name": SECRETS["passkey"], "credential": key.create(options)}
    await ask("POST", "/users/me/passkeys", 201, json=registration)
    assertion = key.get(await ask("POST", "/users/signin/passkey/options", 200))
    await ask("POST", "/users/signin/passkey", 200, json={"credential": assertion})
    await ask("POST", "/users/signin/passkey", 401, json={"credential": assertion})
    secret = (await ask("POST", "/users/me/totp", 201, json=password))["secret"]
    confirmed = await ask("POST", "/users/me/totp/confirm", 200, json={"otp": TOTP(secret).now()})
    code, *_ = confirmed["recovery_codes"]
    await ask("POST", "/users/signin", 200, json={**credentials, "otp": code})
    await ask("POST", "/users/signin", 401, json={**credentials, "otp": code})
    return {
        "secret": secret,
        "code": code,
        "signature": assertion["response"]["signature"],
        "credential": encode(key.credential_id),
    }


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def noted_user(lines):
    """The one user whom the security events name."""
    (user_id,) = {line["user_id"] for line in lines if line["event"] == "security event"}
    return user_id


def mail_with_a_link(folder):
    mails = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in folder.glob("mail/*.eml")]
    return next((mail for mail in mails if "#" in text_of(mail)), None)


def tokens_body(tokens):
    return {"refresh_token": tokens["refresh_token"]}


async def test_log_is_json_that_names_requests_and_neither_secrets_nor_people(process, dsn, tmp_path):
    log = tmp_path / "stderr"
    async with process(log) as address:
        secrets = await live_a_little(address, dsn)
        secrets.append(token_in(await until(lambda: mail_with_a_link(tmp_path))))

    text = log.read_text("utf-8")
    lines = [orjson.loads(line) for line in text.splitlines()]
    requests = {line["request_id"]: line for line in lines if line["event"] == "request"}
    expected = {"event": "request", "method": "POST", "route": "/books/{book}/entries", "status": 201, "level": "info"}
    assert expected.items() <= requests["req-entry"].items()
    assert requests["req-entry"]["ms"] > 0
    assert [line["request_id"] for line in lines if line["event"] == "request" and "user_id" in line] == ["req-403"]
    assert requests["req-403"]["user_id"] == noted_user(lines)
    assert all({"event", "level", "timestamp"} <= set(line) for line in lines)
    noted = {line["topic"]: line for line in lines if line["event"] == "security event"}
    assert {"user.signed_up", "session.started", "totp.confirmed", "totp.recovery_code_used", "passkeys.used"} < set(
        noted
    )
    assert all({"topic", "user_id", "request_id"} < set(line) for line in noted.values())
    (unexpected,) = [line for line in lines if line["event"] == "unexpected error"]
    assert unexpected["request_id"] == "req-500"
    assert "UndefinedTableError" in unexpected["exception"]
    of_tokens = ["signing key generated", "API token issued", "service refused", "API token revoked", REVOKED]
    assert of_tokens == [line["event"] for line in lines if line["event"] in of_tokens]
    assert [secret for secret in secrets if secret in text or orjson.dumps(secret).decode()[1:-1] in text] == []


async def test_log_level_leaves_out_what_is_below_it(process, tmp_path):
    log = tmp_path / "stderr"
    async with (
        process(log, GAGYEBU_LOG_LEVEL="warning") as address,
        aiohttp.ClientSession(address) as client,
        client.get("/livez") as answer,
    ):
        assert answer.status == 200

    assert log.read_bytes() == b""


async def test_log_is_json_and_quotes_nothing_also_where_a_request_cannot_be_read(process, tmp_path):
    log = tmp_path / "stderr"
    json = b"Content-Type: application/json\r\n"
    async with process(log) as address:
        port = int(address.rsplit(":", 1)[1])
        for head in (b"Content-Length: x", json + b"Content-Encoding: gzip\r\nContent-Length: 10"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST /users/signin HTTP/1.1\r\nHost: x\r\nX: geheim\r\n" + head + b"\r\n\r\n{'geheim'}")
            assert b" 400 " in await reader.readline()
            writer.close()

    lines = [orjson.loads(line) for line in log.read_bytes().splitlines()]
    assert {("request that reached no route", 400), ("request", 400)} <= {
        (line["event"], line.get("status")) for line in lines
    }
    assert "geheim" not in log.read_text("utf-8")
