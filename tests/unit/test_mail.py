"""Mail over SMTP, encrypted where it leaves the machine, and mail into a folder."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from ipaddress import ip_address
from uuid import UUID

import pytest
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from auth import mail as mails
from auth.errors import Undeliverable, Undelivered
from auth.mail import FolderMail, SmtpMail, mail_of
from auth.message import LINK_LIFETIMES, NOTICES
from auth.texts import LANGUAGES, text_of
from tests.mailbox import mail_server

ID = UUID("01935000-0000-7000-8000-000000000001")
SENDER, TO = "gagyebu@example.com", "mina@example.com"
LINK = "https://books.example.com/users/verify-email#secret"
TEXT = text_of("verify_email", "ko", LINK)


@dataclass(frozen=True)
class Encryption:
    server: ssl.SSLContext
    client: ssl.SSLContext
    """Trusts the server."""


@pytest.fixture(scope="module")
def encryption(tmp_path_factory):
    """A certificate of 127.0.0.1 that signs itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = builder.add_extension(names, critical=False).sign(key, SHA256()).public_bytes(Encoding.PEM)
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(path)
    return Encryption(server, ssl.create_default_context(cadata=certificate.decode()))


async def test_mail_arrives_as_plain_text_and_html(mailserver):
    await SmtpMail(f"smtp://127.0.0.1:{mailserver.port}", SENDER).send(ID, TO, TEXT)

    (mail,) = mailserver.sent_to(TO)
    assert (SENDER, TO, f"<{ID}@example.com>") == (mail["From"], mail["To"], mail["Message-ID"])
    assert ["text/plain", "text/html"] == [part.get_content_type() for part in mail.iter_parts()]
    assert all(LINK in part.get_content() for part in mail.iter_parts())


@pytest.fixture
async def mailserver():
    async with mail_server() as mailbox:
        yield mailbox


async def test_starttls_is_used_where_mail_leaves_the_machine_before_anything_is_signed_in(encryption):
    logins = []

    def authenticate(_server, _session, _envelope, _mechanism, login):
        logins.append((login.login, login.password))
        return AuthResult(success=True)

    options = {"auth_required": True, "authenticator": authenticate}
    async with mail_server(tls_context=encryption.server, **options) as mailbox:
        url = f"smtp://us%40er:p%3Ass@127.0.0.1:{mailbox.port}"
        await SmtpMail(url, SENDER, encryption.client).send(ID, TO, TEXT)
    assert ([True], [(b"us@er", b"p:ss")]) == (mailbox.encrypted, logins)


async def test_server_without_starttls_gets_nothing_where_it_is_required(mailserver, encryption):
    with pytest.raises(Undelivered):
        await SmtpMail(f"smtp://127.0.0.1:{mailserver.port}", SENDER, encryption.client).send(ID, TO, TEXT)
    assert ([], 0) == (mailserver.mails, mailserver.tries)


async def test_server_with_a_certificate_that_nobody_vouches_for_gets_nothing(encryption):
    async with mail_server(tls_context=encryption.server) as mailbox:
        with pytest.raises(Undelivered):
            await SmtpMail(f"smtp://127.0.0.1:{mailbox.port}", SENDER, ssl.create_default_context()).send(ID, TO, TEXT)
    assert ([], 0) == (mailbox.mails, mailbox.tries)


async def test_smtps_is_encrypted_from_its_start(encryption):
    async with mail_server(ssl=encryption.server) as mailbox:
        await SmtpMail(f"smtps://127.0.0.1:{mailbox.port}", SENDER, encryption.client).send(ID, TO, TEXT)
    assert [TO] == mailbox.recipients


@pytest.mark.parametrize(
    ("url", "starts_tls", "uses_tls", "port"),
    [
        ("smtp://mail.example.com", True, False, 587),
        ("smtp://mail.example.com:25", True, False, 25),
        ("smtps://mail.example.com", False, True, 465),
        ("smtp://localhost:25", False, False, 25),
        ("smtp://127.0.0.53:25", False, False, 25),
        ("smtp://[::1]:25", False, False, 25),
        ("smtp://localhost.example.com:25", True, False, 25),
    ],
)
def test_encryption_is_left_out_on_this_machine_alone(url, starts_tls, uses_tls, port):
    mail = SmtpMail(url, SENDER)
    assert (starts_tls, uses_tls, port) == (mail._start_tls, mail._use_tls, mail._port)


@pytest.mark.parametrize("url", ["mail.example.com", "http://mail.example.com", "smtp://", "smtp:///x"])
def test_address_that_is_no_smtp_server_is_refused(url):
    with pytest.raises(ValueError, match="smtp://"):
        SmtpMail(url, SENDER)


async def test_recipient_refused_for_good_is_undeliverable_and_for_now_is_not(mailserver):
    mail = SmtpMail(f"smtp://127.0.0.1:{mailserver.port}", SENDER)
    for answer, error in (("550 unknown", Undeliverable), ("451 later", Undelivered)):
        mailserver.answers[TO] = answer
        with pytest.raises(error):
            await mail.send(ID, TO, TEXT)


async def test_server_out_of_reach_is_undelivered(mailserver, unused_tcp_port):
    with pytest.raises(Undelivered):
        await SmtpMail(f"smtp://127.0.0.1:{unused_tcp_port}", SENDER).send(ID, TO, TEXT)


@pytest.mark.parametrize("to", ["김미나@example.com", "mina@예시.한국", '"mi na"@example.com', "a+b'c@example.com"])
async def test_addresses_of_every_kind_are_taken(mailserver, to):
    await SmtpMail(f"smtp://127.0.0.1:{mailserver.port}", SENDER).send(ID, to, TEXT)
    assert [to] == mailserver.recipients


def test_mail_has_no_line_that_an_address_could_add():
    with pytest.raises(ValueError, match="linefeed"):
        mail_of(ID, SENDER, "a@example.com\nBcc: b@example.com", TEXT)


async def test_folder_keeps_mail_as_private_files(tmp_path):
    await FolderMail(tmp_path / "mail", SENDER).send(ID, TO, TEXT)

    (path,) = (tmp_path / "mail").iterdir()
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert (f"{ID}.eml", 0o600) == (path.name, path.stat().st_mode & 0o777)
    assert (TO, TEXT.subject) == (mail["To"], mail["Subject"])


async def test_folder_takes_the_same_mail_twice_and_keeps_so_many_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(mails, "KEPT_MAX", 2)
    folder = FolderMail(tmp_path, SENDER)
    for number in (1, 2, 2, 3):
        await folder.send(UUID(int=number), TO, TEXT)

    assert {f"{UUID(int=number)}.eml" for number in (2, 3)} == {path.name for path in tmp_path.iterdir()}


async def test_folder_that_cannot_be_written_is_undelivered(tmp_path):
    (tmp_path / "mail").write_bytes(b"a file")
    with pytest.raises(Undelivered):
        await FolderMail(tmp_path / "mail", SENDER).send(ID, TO, TEXT)


def test_every_kind_of_message_has_words_in_every_language():
    texts = [text_of(kind, language, None) for kind in (*LINK_LIFETIMES, *NOTICES) for language in LANGUAGES]
    assert all(text.subject and text.body for text in texts)
    assert len(texts) == len({text.subject for text in texts}) == len({text.body for text in texts})


def test_text_in_a_language_that_we_do_not_speak_is_korean():
    assert text_of("verify_email", "ko", None) == text_of("verify_email", "fr", None)


def test_text_shows_its_link_to_the_reader_and_never_when_printed():
    assert "secret" not in repr(TEXT)
    assert all("secret" in form for form in (TEXT.plain, TEXT.short, TEXT.html))


def test_html_is_escaped():
    assert "#&quot;&lt;b&gt;" in text_of("verify_email", "en", 'https://x/#"<b>').html
