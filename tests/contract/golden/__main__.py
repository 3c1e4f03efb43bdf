"""Adds golden lines for forms of events that have none; see the package."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

from pyotp import TOTP

from auth.api_token import REVOKED_BY_OWNER, ApiSecret, ApiToken
from auth.clients import Clients
from auth.message import MAIL, PASSWORD_CHANGED, PHONE, VERIFY_EMAIL, Message
from auth.passkeys import Passkeys, passkey_id, passkeys_id
from auth.refusal import WRONG_PASSWORD, SignInRefusal
from auth.session import SIGNED_OUT, RefreshToken, Session
from auth.signing_keys import SigningKeys
from auth.totp import Totp, TotpStep, totp_id
from auth.user import EmailClaim, User
from eventstore.aggregate import UNRECORDED
from eventstore.codec import Metadata, encode
from eventstore.store import Change
from eventstore.tokens import StreamToken
from ledger.batch import Batch
from ledger.book import Book, Category
from ledger.entry import Entry, Posting, Transfer
from ledger.invitation import Invitation
from ledger.operation import Operation
from ledger.share import ShareLink, ShareOpening
from tests.contract.golden import DATA_KEY, EVENTS, form_of, line_of, lines
from tests.given import an_id

START: Final = datetime(2026, 11, 23, 1, 2, 3, 456789, tzinfo=UTC)
USER, CLAIM, BOOK, SESSION, ENTRY, FOOD, GIFTS = map(an_id, range(1, 8))
SHARED, FRIEND, INVITATION, MOVED, SHARE = map(an_id, range(11, 16))
CHANGED_USER, FREED_CLAIM, TAKEN_CLAIM, LINK, REFUSED = map(an_id, range(41, 46))
BATCH: Final = an_id(19)
PROVED_SESSION, STEP = map(an_id, range(31, 33))
KEYS, CLIENTS, CLIENT, API_TOKEN = map(an_id, range(51, 55))
ERASED_USER, ERASED_BOOK = map(an_id, range(61, 63))


def a_user() -> User:
    born = date(1990, 2, 28)
    user = User(USER, "kim@example.com", "김", born, "+821012345678", "$argon2id$one")
    user.rehash_password("$argon2id$two")
    return user


def a_session() -> Session:
    token = RefreshToken(USER, SESSION, bytes(32))
    session = Session(SESSION, token.digest, "Firefox", "192.0.2.1", ["pwd"])
    session.refresh(token, token.successor(b"golden"), UNRECORDED, "Firefox", "192.0.2.2")
    session.end(SIGNED_OUT)
    return session


def a_proved_session() -> Session:
    """Told in the second form of started sessions."""
    token = RefreshToken(USER, PROVED_SESSION, bytes(32))
    return Session(PROVED_SESSION, token.digest, "Firefox", "192.0.2.1", ["pwd", "otp", "mfa"])


def a_totp() -> Totp:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # of the test vectors of RFC 6238
    totp = Totp(totp_id(USER))
    totp.enroll(secret)
    totp.confirm(TOTP(secret).at(START), START, ["one", "two"])
    totp.use("one", START)
    totp.renew_recovery_codes(["three"])
    totp.disable()
    return totp


def some_passkeys() -> Passkeys:
    passkeys, phone, key = Passkeys(passkeys_id(USER)), passkey_id(b"phone"), passkey_id(b"key")
    passkeys.register(phone, "cGhvbmU", "cHVibGlj", "폰", 0, synced=True)
    passkeys.register(key, "a2V5", "cHVibGlj", "열쇠", 3, synced=False)
    passkeys.use(key, 4, "challenge")
    passkeys.use(key, 4, "another")
    passkeys.remove(phone)
    return passkeys


def a_book() -> Book:
    food = Category(FOOD, "expense", "식비")
    book = Book(BOOK, "가계부", "우리 집", "KRW", -5_000, USER, [food])
    book.amend("House", None, 10_000)
    book.add_category(GIFTS, "income", "Gift")
    book.rename_category(GIFTS, "Gifts")
    book.delete_category(FOOD)
    book.restore_category(FOOD)
    book.delete()
    book.restore()
    return book


def an_entry() -> Entry:
    entry = Entry(ENTRY, Posting(12_000, FOOD, "expense", date(2026, 11, 23)), "점심", ["국수"], an_id(8))
    entry.amend(Posting(9_000, None, "income", date(2026, 11, 22)), "저녁", [])
    entry.delete()
    entry.restore()
    return entry


def a_shared_book() -> Book:
    book = Book(SHARED, "모임", "", "KRW", 0, USER, [])
    book.join(FRIEND, "viewer", INVITATION)
    book.change_role(FRIEND, "auditor")
    book.change_role(FRIEND, "owner")
    book.remove_member(USER)
    book.close(date(2026, 10, 31))
    book.reopen("a bill came late")
    return book


def an_invitation() -> Invitation:
    token = StreamToken(SHARED, INVITATION, bytes(32))
    invitation = Invitation(INVITATION, "lee@example.com", "viewer", token.digest, START + timedelta(days=7))
    invitation.accept(FRIEND, "Lee@example.com", token, START)
    return invitation


def a_transfer() -> Entry:
    """The side that money leaves; told in the second form of recorded and deleted entries."""
    posting = Posting(50_000, None, "transfer_out", date(2026, 11, 20))
    entry = Entry(MOVED, posting, "회비", [], transfer=Transfer(an_id(16), BOOK, an_id(17)))
    entry.delete()
    entry.revert(1, replace(entry.content, deleted=False, memo="11월 회비"))
    return entry


def a_share() -> ShareLink:
    share = ShareLink(SHARE, MOVED, START + timedelta(days=1))
    share.revoke()
    return share


def a_batch() -> Batch:
    batch = Batch(BATCH, "csv", 2, 1)
    batch.revert(2)
    return batch


def a_changed_user() -> User:
    """Verified, amended, with another address and another password."""
    user = User(CHANGED_USER, "old@example.com", None, date(1990, 2, 28), None, "$argon2id$three")
    user.verify_email()
    user.amend_profile("이", None, "+821087654321", START)
    user.ask_email_change("new@example.com", START + timedelta(days=1))
    user.change_email("new@example.com")
    user.change_password("$argon2id$four")
    return user


def an_erased_user() -> User:
    """Once an admin."""
    user = User(ERASED_USER, "gone@example.com", "한", None, None, "$argon2id$four")
    user.grant_role("admin")
    user.take_role("admin")
    user.erase()
    return user


def an_erased_book() -> Book:
    book = Book(ERASED_BOOK, "혼자", "", "KRW", 0, ERASED_USER, [])
    book.part_with(ERASED_USER)
    return book


def a_freed_claim() -> EmailClaim:
    claim = EmailClaim(FREED_CLAIM, CHANGED_USER)
    claim.release()
    return claim


def a_taken_claim() -> EmailClaim:
    claim = EmailClaim(TAKEN_CLAIM, USER)
    claim.release()
    claim.reclaim(CHANGED_USER)
    return claim


def a_link() -> Message:
    message = Message(LINK, VERIFY_EMAIL, MAIL, "old@example.com", "ko", 0, START + timedelta(days=7))
    message.note_sent()
    message.use(VERIFY_EMAIL, START)
    return message


def a_refused_text() -> Message:
    message = Message(REFUSED, PASSWORD_CHANGED, PHONE, "+821087654321", "en", 1, START + timedelta(days=3))
    message.note_refused()
    return message


def signing_keys() -> SigningKeys:
    keys = SigningKeys(KEYS)
    keys.generate("first", "cHVibGlj", "c2VjcmV0")
    keys.rotate("second", "cHVibGljMg", "c2VjcmV0Mg", at_once=True)
    return keys


def some_clients() -> Clients:
    clients = Clients(CLIENTS)
    clients.add(CLIENT, "reports", "secret")
    clients.remove("reports")
    return clients


def an_api_token() -> ApiToken:
    digest = ApiSecret(USER, API_TOKEN, bytes(32)).digest
    token = ApiToken(API_TOKEN, "가계 스크립트", digest, ["read", "write"], [BOOK], START + timedelta(days=90))
    token.note_use(date(2026, 11, 24))
    token.revoke(REVOKED_BY_OWNER)
    return token


STORY: Final = [
    Change(CLAIM, EmailClaim(CLAIM, USER)),
    Change(USER, a_user()),
    Change(USER, a_proved_session()),
    Change(USER, a_totp()),
    Change(USER, TotpStep(STEP, 58_792_322)),
    Change(USER, some_passkeys()),
    Change(USER, a_session()),
    Change(KEYS, signing_keys()),
    Change(CLIENTS, some_clients()),
    Change(USER, an_api_token()),
    Change(BOOK, a_book()),
    Change(SHARED, a_shared_book()),
    Change(SHARED, an_invitation()),
    Change(SHARED, a_transfer()),
    Change(SHARED, a_share()),
    Change(SHARED, ShareOpening(an_id(18), SHARE)),
    Change(SHARED, a_batch()),
    Change(FREED_CLAIM, a_freed_claim()),
    Change(TAKEN_CLAIM, a_taken_claim()),
    Change(ERASED_USER, an_erased_user()),
    Change(ERASED_BOOK, an_erased_book()),
    Change(CHANGED_USER, a_changed_user()),
    Change(CHANGED_USER, a_link()),
    Change(CHANGED_USER, a_refused_text()),
    Change(an_id(20), Operation(an_id(20))),
    Change(USER, SignInRefusal(an_id(33), WRONG_PASSWORD, "curl", "192.0.2.9", 3)),
    Change(BOOK, an_entry()),  # its lines are of the first forms: what was added later is told above it
]


def main() -> None:
    """A stream that tells a new form is added whole, so that it can be replayed: tell new forms in new streams."""
    known = {form_of(line) for line in lines()}
    positions: dict[object, int] = {}
    with EVENTS.open("ab") as file:
        for journal_id, aggregate in STORY:
            told = []
            for event in aggregate.unrecorded_events():
                position = positions[journal_id] = positions.get(journal_id, 0) + 1
                encoded = encode(event, journal_id, Metadata(USER, "golden"), DATA_KEY)
                told.append(line_of(encoded, position, START + timedelta(seconds=position)))
            if not {form_of(line) for line in told} <= known:
                file.writelines(line + b"\n" for line in told)
                known |= {form_of(line) for line in told}


main()
