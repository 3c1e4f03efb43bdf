"""Texts by webhook: signed so that the receiver can trust them, to a receiver that we can trust."""

import base64
import hmac
from datetime import UTC, datetime
from uuid import UUID

import aiohttp
import orjson
import pytest

from auth import phone
from auth.errors import Undelivered
from auth.phone import WebhookPhone
from auth.texts import text_of
from tests.mailbox import phone_server

ID = UUID("01935000-0000-7000-8000-000000000001")
NOW = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
KEY = bytes(range(32))
SECRET = base64.b64encode(KEY).decode()
TEXT = text_of("reset_password", "en", "https://books.example.com/users/reset-password#secret")


@pytest.fixture
async def phones():
    async with phone_server() as phones:
        yield phones


@pytest.fixture
async def client():
    async with aiohttp.ClientSession() as client:
        yield client


async def test_text_is_posted_with_a_signature_that_its_receiver_can_check(client, phones):
    await WebhookPhone(client, phones.url, f"whsec_{SECRET}", lambda: NOW).send(ID, "+821012345678", TEXT)

    ((headers, body),) = phones.posts
    assert {"to": "+821012345678", "text": TEXT.short} == orjson.loads(body)
    assert (str(ID), "1795395723") == (headers["webhook-id"], headers["webhook-timestamp"])
    signed = base64.b64encode(hmac.digest(KEY, f"{ID}.1795395723.".encode() + body, "sha256")).decode()
    assert f"v1,{signed}" == headers["webhook-signature"]


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 429, 500, 503])
async def test_any_answer_but_success_is_undelivered_and_nobody_is_followed(client, phones, status):
    phones.statuses.append(status)
    with pytest.raises(Undelivered):
        await WebhookPhone(client, phones.url, SECRET, lambda: NOW).send(ID, "+821012345678", TEXT)
    assert 1 == len(phones.posts)


async def test_receiver_that_does_not_answer_is_undelivered(client, unused_tcp_port):
    phone = WebhookPhone(client, f"http://127.0.0.1:{unused_tcp_port}/", SECRET, lambda: NOW)
    with pytest.raises(Undelivered):
        await phone.send(ID, "+821012345678", TEXT)


async def test_receiver_that_never_ends_its_answer_is_undelivered_in_time(client, phones, monkeypatch):
    monkeypatch.setattr(phone, "SEND_SECONDS_MAX", 0.1)
    phones.slow = True
    with pytest.raises(Undelivered):
        await WebhookPhone(client, phones.url, SECRET, lambda: NOW).send(ID, "+821012345678", TEXT)


@pytest.mark.parametrize(
    "url", ["http://sms.example.com/", "ftp://sms.example.com/", "sms.example.com", "https://", ""]
)
async def test_address_that_others_could_listen_to_is_refused(client, url):
    with pytest.raises(ValueError, match="https"):
        WebhookPhone(client, url, SECRET, lambda: NOW)


@pytest.mark.parametrize("secret", ["", "no base64", base64.b64encode(bytes(23)).decode()])
async def test_secret_that_is_none_is_refused(client, secret):
    with pytest.raises(ValueError, match="secret"):
        WebhookPhone(client, "https://sms.example.com/", secret, lambda: NOW)
