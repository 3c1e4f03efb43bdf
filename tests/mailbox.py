"""A real SMTP server whose mail can be read, and a real receiver of texts."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.fault.until import until


class Mailbox:
    """What an SMTP server took in, in order; `answers` to some recipients are others than yes."""

    def __init__(self) -> None:
        self.port = 0
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.encrypted: list[bool] = []
        self.answers: dict[str, str] = {}
        self.tries = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, to: str, _options: Any) -> str:
        self.tries += 1
        answer = self.answers.get(to, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(to)
        return answer

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        self.recipients.append(*envelope.rcpt_tos)
        self.encrypted.append(session.ssl is not None)
        await self.may_answer.wait()
        return "250 OK"

    def sent_to(self, email: str) -> list[EmailMessage]:
        return [mail for mail, to in zip(self.mails, self.recipients, strict=True) if to == email]

    async def wait_for(self, email: str, count: int = 1) -> EmailMessage:
        """The n-th mail to an address, once it is there."""
        return (await until(lambda: len(self.sent_to(email)) >= count and self.sent_to(email)))[count - 1]

    def links_to(self, email: str) -> list[str]:
        """The tokens of the links that were sent to an address."""
        return [token_in(mail) for mail in self.sent_to(email) if "#" in text_of(mail)]

    async def token_for(self, email: str, count: int = 1) -> str:
        """The token of the link in it."""
        return token_in(await self.wait_for(email, count))


def token_in(mail: EmailMessage) -> str:
    return text_of(mail).split("#")[1].strip()


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return body.get_content()


@asynccontextmanager
async def mail_server(port: int = 0, **options: Any) -> AsyncIterator[Mailbox]:
    """Run an SMTP server for as long as the context lasts; options are aiosmtpd's."""
    mailbox = Mailbox()
    context: ssl.SSLContext | None = options.pop("ssl", None)

    def connected() -> SMTP:
        return SMTP(mailbox, hostname="localhost", enable_SMTPUTF8=True, **options)

    server = await asyncio.get_running_loop().create_server(connected, "127.0.0.1", port, ssl=context)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()
        await server.wait_closed()


class Phones:
    """What a receiver of texts was posted: the headers and the body, as they came."""

    def __init__(self) -> None:
        self.url = ""
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        """Of the answers to come; 204 once there are no more."""
        self.slow = False

    async def take(self, request: web.Request) -> web.Response:
        self.posts.append((dict(request.headers), await request.read()))
        if self.slow:
            await asyncio.sleep(1)
        return web.Response(status=self.statuses.pop(0) if self.statuses else 204, headers={"Location": "/sms"})

    async def wait_for(self, number: str, count: int = 1) -> str:
        """The n-th text to a number, once it is there."""
        return (await until(lambda: len(self.sent_to(number)) >= count and self.sent_to(number)))[count - 1]

    def sent_to(self, number: str) -> list[str]:
        bodies = [orjson.loads(body) for _, body in self.posts]
        return [body["text"] for body in bodies if body["to"] == number]


@asynccontextmanager
async def phone_server() -> AsyncIterator[Phones]:
    phones, app = Phones(), web.Application()
    app.router.add_post("/sms", phones.take)
    async with TestServer(app) as server:
        phones.url = str(server.make_url("/sms"))
        yield phones
