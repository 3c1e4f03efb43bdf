"""Adds golden lines for forms of events that have none; see the package."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

from auth.api_token import REVOKED_BY_OWNER, ApiSecret, ApiToken
from auth.clients import Clients
from auth.session import SIGNED_OUT, RefreshToken, Session
from auth.signing_keys import SigningKeys
from auth.user import EmailClaim, User
from eventstore.aggregate import UNRECORDED
from eventstore.codec import Metadata, encode
from eventstore.store import Change
from eventstore.tokens import StreamToken
from ledger.batch import Batch
from ledger.book import Book, Category
from ledger.entry import Entry, Posting, Transfer
from ledger.invitation import Invitation
from ledger.share import ShareLink, ShareOpening
from tests.contract.golden import DATA_KEY, EVENTS, form_of, line_of, lines
from tests.given import an_id

START: Final = datetime(2026, 11, 23, 1, 2, 3, 456789, tzinfo=UTC)
USER, CLAIM, BOOK, SESSION, ENTRY, FOOD, GIFTS = map(an_id, range(1, 8))
SHARED, FRIEND, INVITATION, MOVED, SHARE = map(an_id, range(11, 16))
BATCH: Final = an_id(19)
KEYS, CLIENTS, CLIENT, API_TOKEN = map(an_id, range(40, 44))


def a_user() -> User:
    born = date(1990, 2, 28)
    user = User(USER, "kim@example.com", "김", born, "+821012345678", "$argon2id$one")
    user.rehash_password("$argon2id$two")
    return user


def a_session() -> Session:
    token = RefreshToken(USER, SESSION, bytes(32))
    session = Session(SESSION, token.digest, "Firefox", "192.0.2.1")
    session.refresh(token, token.successor(b"golden"), UNRECORDED, "Firefox", "192.0.2.2")
    session.end(SIGNED_OUT)
    return session


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
