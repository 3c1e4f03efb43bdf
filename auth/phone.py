"""The phone: texts by way of a webhook, signed as Standard Webhooks has it (standardwebhooks.com, 1.0)."""

import base64
import hmac
from binascii import Error as NotBase64
from collections.abc import Callable
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import aiohttp
import orjson

from auth.errors import Undelivered
from auth.mail import is_loopback
from auth.texts import Text

SEND_SECONDS_MAX: Final = 10
SECRET_BYTES_MIN: Final = 24


class WebhookPhone:
    """Posts {to, text} to an address that sends the text on."""

    def __init__(self, client: aiohttp.ClientSession, url: str, secret: str, clock: Callable[[], datetime]) -> None:
        """Raises: ValueError for an address that is not https (this machine's may be http), or a secret too short."""
        parts = urlsplit(url)
        if not parts.hostname or not (
            parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
        ):
            raise ValueError("this is no https:// address")
        self._client, self._url, self._clock = client, url, clock
        self._secret = _secret(secret)

    async def send(self, message_id: UUID, to: str, text: Text) -> None:
        """Raises: Undelivered."""
        body = orjson.dumps({"to": to, "text": text.short})
        headers = {"Content-Type": "application/json", **self._signature(str(message_id), body)}
        timeout = aiohttp.ClientTimeout(SEND_SECONDS_MAX)
        try:
            async with self._client.post(
                self._url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                if not 200 <= answer.status < 300:  # noqa: PLR2004 - what HTTP calls successful
                    raise Undelivered
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Undelivered from error

    def _signature(self, message_id: str, body: bytes) -> dict[str, str]:
        """The same id whenever it is sent again: whoever receives it tells by that."""
        sent_at = str(int(self._clock().timestamp()))
        signed = hmac.digest(self._secret, f"{message_id}.{sent_at}.".encode() + body, "sha256")
        return {
            "webhook-id": message_id,
            "webhook-timestamp": sent_at,
            "webhook-signature": f"v1,{base64.b64encode(signed).decode('ascii')}",
        }


def _secret(text: str) -> bytes:
    """Raises: ValueError."""
    try:
        secret = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except NotBase64:
        secret = b""
    if len(secret) < SECRET_BYTES_MIN:
        raise ValueError(f"a webhook's secret has at least {SECRET_BYTES_MIN} bytes, in base64")
    return secret
