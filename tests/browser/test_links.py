"""The pages of mailed links in a real browser, driven by WebDriver."""

import asyncio
import contextlib
import shutil
from dataclasses import replace

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer, unused_port

from service import open_app
from tests.fault.until import until
from tests.http.conftest import PASSWORD, Household
from tests.mailbox import mail_server

EMAIL, NEW_PASSWORD = "mina@example.com", "zwölf-Boxkämpfer-jagen"
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
CHROMIUM = {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": {"args": FLAGS}}}}
FILL_IN = """
for (const [name, value] of Object.entries(arguments[0])) document.querySelector(`[name=${name}]`).value = value
document.querySelector("button").click()
"""
SEEN = "return [location.href, document.querySelector('output').textContent, document.querySelector('form').hidden]"


@pytest.fixture
async def browse():
    """Sends commands to a browser."""
    if shutil.which("chromedriver") is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium chromium-driver")
    port, quiet = unused_port(), asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec("chromedriver", f"--port={port}", stdout=quiet, stderr=quiet)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as driver:

        async def is_ready():
            with contextlib.suppress(aiohttp.ClientConnectionError):
                return (await driver.get("/status")).status == 200

        async def command(path, body):
            async with driver.post(path, json=body) as answer:
                told = await answer.json(content_type=None)
                assert answer.status == 200, told
                return told["value"]

        try:
            await until(is_ready)
            session = (await command("/session", CHROMIUM))["sessionId"]
            yield lambda path, body: command(f"/session/{session}{path}", body)
            await driver.delete(f"/session/{session}")
        finally:
            process.terminate()
            await process.wait()


@pytest.fixture
async def mailbox():
    async with mail_server() as mailbox:
        yield mailbox


@pytest.fixture
async def home(settings, mailbox):
    """Someone at a service whose mailed links lead to itself."""
    port = unused_port()
    mailing = replace(
        settings,
        public_url=f"http://127.0.0.1:{port}",
        smtp_url=f"smtp://127.0.0.1:{mailbox.port}",
        mail_from="g@x.org",
    )
    async with open_app(mailing, settings.database_url) as app, TestClient(TestServer(app, port=port)) as client:
        yield await Household(client).signed_up(EMAIL)


async def follow(browse, home, path, token, **fields):
    """Open a link and press its button. Returns: what the page says then, and whether it is done."""
    page = f"http://127.0.0.1:{home.client.port}/users/{path}"
    await browse("/url", {"url": "about:blank"})  # another # alone would not load the page anew
    await browse("/url", {"url": f"{page}#{token}"})
    await browse("/execute/sync", {"script": FILL_IN, "args": [fields]})

    async def said():
        seen = await browse("/execute/sync", {"script": SEEN, "args": []})
        return seen[1] and seen

    address, words, done = await until(said)
    assert address == page, "the token has left the address"
    return words, done


async def test_links_do_what_they_are_for_once_a_button_is_pressed(browse, home, mailbox):
    verify = await mailbox.token_for(EMAIL)
    assert await follow(browse, home, "verify-email", verify) == ("Your e-mail address is verified.", True)
    words, done = await follow(browse, home, "verify-email", verify)
    assert (words.startswith("This link was used"), done) == (True, False)
    assert (await home.get("/users/me/email")).json["verified"]

    await home.post("/users/forgot-password", {"email": EMAIL})
    reset = await mailbox.token_for(EMAIL, 2)
    words, done = await follow(browse, home, "reset-password", reset, new_password=EMAIL)
    assert ("too close" in words, done) == (True, False)
    words, done = await follow(browse, home, "reset-password", reset, new_password=NEW_PASSWORD)
    assert (words, done) == ("Your password was changed: sign in with the new one.", True)
    signing_in = {"email": EMAIL, "password": NEW_PASSWORD}
    assert (await home.post("/users/signin", signing_in)).status == 200
    assert (await home.post("/users/signin", {**signing_in, "password": PASSWORD})).status == 401
