"""Mail: to an SMTP server, or without one into a folder."""

import asyncio
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTPUTF8
from email.utils import format_datetime, localtime
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit
from uuid import UUID

import aiosmtplib
import structlog

from auth.errors import Undeliverable, Undelivered
from auth.texts import Text
from eventstore.files import private_file

SEND_SECONDS_MAX: Final = 30
QUIT_SECONDS_MAX: Final = 5
KEPT_MAX: Final = 1_000
"""How many mails a folder keeps: the oldest goes first."""
REFUSED_FOR_GOOD: Final = range(500, 600)

_PORTS: Final = {"smtp": 587, "smtps": 465}

_log = structlog.get_logger("mail")


class SmtpMail:
    """Hands each mail to an SMTP server over a connection of its own.

    The connection is encrypted, from its start (smtps) or by STARTTLS (smtp), unless the server is this machine.
    """

    def __init__(self, url: str, sender: str, tls_context: ssl.SSLContext | None = None) -> None:
        """Raises: ValueError for what is no smtp[s]://user:password@host:port."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("this is no smtp://user:password@host:port, nor smtps://…")
        self._sender = sender
        self._host, self._port = parts.hostname, parts.port or _PORTS[parts.scheme]
        self._username, self._password = _unquoted(parts.username), _unquoted(parts.password)
        self._use_tls = parts.scheme == "smtps"
        self._start_tls = not self._use_tls and (tls_context is not None or not is_loopback(self._host))
        self._tls_context = tls_context

    async def send(self, message_id: UUID, to: str, text: Text) -> None:
        """Raises: Undelivered, Undeliverable."""
        mail, client = mail_of(message_id, self._sender, to, text), self._client()
        try:
            async with asyncio.timeout(SEND_SECONDS_MAX):
                await client.connect()
                await client.send_message(mail, sender=self._sender, recipients=[to])
            with suppress(aiosmtplib.SMTPException):  # it is delivered all the same
                await client.quit(timeout=QUIT_SECONDS_MAX)
        except aiosmtplib.SMTPRecipientsRefused as error:
            if all(refused.code in REFUSED_FOR_GOOD for refused in error.recipients):
                raise Undeliverable from error
            raise Undelivered from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise Undelivered from error
        finally:
            client.close()  # without a word: who is told to stop cannot wait for a server that does not answer

    def _client(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            local_hostname=self._sender.rpartition("@")[2],  # looking up our own name could take long
            username=self._username,
            password=self._password,
            use_tls=self._use_tls,
            start_tls=self._start_tls,
            tls_context=self._tls_context,
            timeout=SEND_SECONDS_MAX,
        )


class FolderMail:
    """Keeps each mail as a file, for those who run the service to pass on."""

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder, self._sender = folder, sender

    async def send(self, message_id: UUID, to: str, text: Text) -> None:
        """Raises: Undelivered."""
        content = mail_of(message_id, self._sender, to, text).as_bytes()
        try:
            path = await asyncio.to_thread(self._write, message_id, content)
        except OSError as error:
            raise Undelivered from error
        _log.warning("no SMTP server is set, mail is in a file", path=str(path))

    def _write(self, message_id: UUID, content: bytes) -> Path:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{message_id}.eml"
        with private_file(path) as file:
            file.write(content)
        oldest_first = sorted(self._folder.glob("*.eml"), key=lambda mail: mail.stat().st_mtime_ns)
        for old in oldest_first[:-KEPT_MAX]:
            old.unlink(missing_ok=True)
        return path


def mail_of(message_id: UUID, sender: str, to: str, text: Text) -> EmailMessage:
    """Write a mail; sent twice, it is the same by its Message-ID, and shown once."""
    mail = EmailMessage(policy=SMTPUTF8)
    mail["From"], mail["To"], mail["Subject"] = sender, to, text.subject
    mail["Date"] = format_datetime(localtime())
    mail["Message-ID"] = f"<{message_id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office replies
    mail.set_content(text.plain)
    mail.add_alternative(text.html, subtype="html")
    mail["Content-Language"] = text.language  # earlier, it would become the plain part's
    return mail


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, without asking DNS."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _unquoted(text: str | None) -> str | None:
    return None if text is None else unquote(text)
