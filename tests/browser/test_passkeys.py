"""A passkey in a real browser: Chromium's own authenticator answers our options (WebDriver, WebAuthn Level 3, 11)."""

import asyncio
import shutil
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer, unused_port

from service import open_app
from tests.fault.until import until
from tests.http.conftest import PASSWORD, Household

FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
CAPABILITIES = {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": {"args": FLAGS}}}}
TELEPHONE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
}
CREATE = """
const done = arguments[arguments.length - 1]
const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(arguments[0])
navigator.credentials.create({publicKey}).then(made => done(made.toJSON()), error => done(String(error)))
"""
GET = """
const done = arguments[arguments.length - 1]
const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(arguments[0])
navigator.credentials.get({publicKey}).then(found => done(found.toJSON()), error => done(String(error)))
"""


class Browser:
    """One session of WebDriver."""

    def __init__(self, driver, path):
        self.driver, self.path = driver, path

    async def do(self, path, body):
        """Send a command, and give its value."""
        async with self.driver.post(f"{self.path}{path}", json=body) as answer:
            told = await answer.json(content_type=None)
            assert answer.status == 200, told
            return told["value"]

    async def run(self, script, *arguments):
        """Run a script, and give what it is done with."""
        return await self.do("/execute/async", {"script": script, "args": arguments})


@asynccontextmanager
async def running_driver():
    port = unused_port()
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec("chromedriver", f"--port={port}", stdout=quiet, stderr=quiet)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as driver:

        async def is_ready():
            try:
                async with driver.get("/status") as answer:
                    return answer.status == 200
            except aiohttp.ClientConnectionError:
                return False

        try:
            await until(is_ready)
            yield driver
        finally:
            process.terminate()
            await process.wait()


@pytest.fixture
async def browser():
    """Chromium with an authenticator like that of a telephone."""
    if shutil.which("chromedriver") is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium chromium-driver")
    async with running_driver() as driver:
        session = await Browser(driver, "/session").do("", CAPABILITIES)
        browser = Browser(driver, f"/session/{session['sessionId']}")
        await browser.do("/webauthn/authenticator", TELEPHONE)
        yield browser
        await driver.delete(browser.path)


@pytest.fixture
async def household(settings):
    """Someone at a service that pages reach by name, as browsers ask of passkeys."""
    port = unused_port()
    named = replace(settings, public_url=f"http://localhost:{port}")
    async with open_app(named, settings.database_url) as app, TestClient(TestServer(app, port=port)) as client:
        yield await Household(client).signed_up("mina@example.com")


async def test_passkey_made_by_a_browser_signs_in_there_once_per_answer(browser, household):
    await browser.do("/url", {"url": f"http://localhost:{household.client.port}/problems/not-found"})
    options = (await household.post("/users/me/passkeys/options", {"password": PASSWORD})).json
    await household.made("/users/me/passkeys", {"name": "폰", "credential": await browser.run(CREATE, options)})
    guest = Household(household.client)
    answer = {"credential": await browser.run(GET, (await guest.post("/users/signin/passkey/options")).json)}
    first, again = [await guest.post("/users/signin/passkey", answer) for _ in range(2)]
    signed_in = Household(household.client, tokens=first.json)

    assert (await signed_in.get("/users/me")).json["email"] == "mina@example.com"
    assert again.outcome == (401, "invalid-passkey")
    excluding = (await household.post("/users/me/passkeys/options", {"password": PASSWORD})).json
    assert "InvalidStateError" in await browser.run(CREATE, excluding)
