"""Adds golden lines for events that have none; see the package."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from auth.session import SIGNED_OUT, RefreshToken, Session
from auth.user import EmailClaim, User
from eventstore.aggregate import UNRECORDED
from eventstore.codec import Metadata, encode
from eventstore.store import Change
from ledger.book import Book, Category
from ledger.entry import Entry, Posting
from tests.contract.golden import DATA_KEY, EVENTS, line_of, lines, load
from tests.given import an_id

START: Final = datetime(2026, 11, 23, 1, 2, 3, 456789, tzinfo=UTC)
USER, CLAIM, BOOK, SESSION, ENTRY, FOOD, GIFTS = map(an_id, range(1, 8))


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


STORY: Final = [
    Change(CLAIM, EmailClaim(CLAIM, USER)),
    Change(USER, a_user()),
    Change(USER, a_session()),
    Change(BOOK, a_book()),
    Change(BOOK, an_entry()),
]


def main() -> None:
    known = {load(line).event.__class__ for line in lines()}
    positions: dict[object, int] = {}
    with EVENTS.open("ab") as file:
        for journal_id, aggregate in STORY:
            for event in aggregate.unrecorded_events():
                position = positions[journal_id] = positions.get(journal_id, 0) + 1
                if type(event) not in known:
                    encoded = encode(event, journal_id, Metadata(USER, "golden"), DATA_KEY)
                    file.write(line_of(encoded, position, START + timedelta(seconds=position)) + b"\n")


main()
