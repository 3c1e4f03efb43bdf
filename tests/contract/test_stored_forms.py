"""What was stored once is read for ever: topics never change, and every form of an event still loads."""

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import orjson
import pytest
from eventsourcing.utils import resolve_topic

from auth.api_token import ApiToken
from auth.clients import Clients
from auth.message import Message
from auth.passkeys import Passkeys, passkey_id, passkeys_id
from auth.refusal import WRONG_PASSWORD
from auth.session import Session
from auth.signing_keys import SigningKey, SigningKeys
from auth.totp import Totp, TotpStep, totp_id
from auth.user import User
from eventstore.codec import canonical
from ledger.book import Book, Category
from ledger.entry import Entry, Posting, Transfer
from ledger.invitation import Invitation  # noqa: F401 - its events count as imported
from ledger.operation import Operation  # noqa: F401
from ledger.share import ShareLink  # noqa: F401
from projections import entries, sessions
from projections.books import Books
from projections.postings import Sums
from projections.totals import fold
from tests.contract.golden import TOPICS, aggregate_classes, event_classes, form_of, lines, load
from tests.given import an_id

ROOT = Path(__file__).parents[2]
USER, CLAIM, BOOK, SESSION, ENTRY, FOOD, GIFTS = map(an_id, range(1, 8))
SHARED, FRIEND, INVITATION, MOVED, SHARE = map(an_id, range(11, 16))
PROVED_SESSION, STEP = map(an_id, range(31, 33))
CHANGED_USER, FREED_CLAIM, TAKEN_CLAIM, LINK, REFUSED = map(an_id, range(41, 46))
KEYS, CLIENTS, CLIENT, API_TOKEN = map(an_id, range(51, 55))

LIST_TOPICS = """
import auth.api_token, auth.clients, auth.message, auth.passkeys, auth.refusal, auth.session, auth.signing_keys
import auth.totp, auth.user
import ledger.batch, ledger.book, ledger.entry, ledger.invitation, ledger.operation, ledger.share
from eventsourcing.utils import get_topic, resolve_topic
from tests.contract.golden import aggregate_classes, event_classes
for cls in aggregate_classes() | event_classes():
    assert resolve_topic(cls.TOPIC) is cls, cls
    assert get_topic(cls) == cls.TOPIC, cls
    print(cls.TOPIC)
"""


def test_topics_in_a_fresh_process_are_those_of_the_golden_file():
    ran = subprocess.run([sys.executable, "-c", LIST_TOPICS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "" == ran.stderr
    assert TOPICS.read_text().splitlines() == sorted(ran.stdout.splitlines())


def class_version(cls):
    return getattr(cls, "class_version", 1)


def test_topics_are_told_apart():
    topics = [cls.TOPIC for cls in aggregate_classes() | event_classes()]
    assert len(topics) == len(set(topics))


def test_topic_of_a_first_event_names_its_aggregate():
    for line in lines():
        told = load(line)
        if told.version == 1:
            assert resolve_topic(told.event.originator_topic) in aggregate_classes()


def test_every_event_class_has_a_golden_line_of_each_of_its_versions():
    forms = {(cls.TOPIC, version) for cls in event_classes() for version in range(1, class_version(cls) + 1)}
    missing = forms - {form_of(line) for line in lines()}
    assert set() == missing, "tell it in tests/contract/golden/__main__.py, and run python -m tests.contract.golden"


@pytest.mark.parametrize("line", lines(), ids=lambda line: orjson.loads(line)["topic"])
def test_golden_line_is_canonical_and_loads_as_its_class(line):
    told = orjson.loads(line)
    assert canonical(told) == line
    recorded = load(line)
    assert told["topic"] == type(recorded.event).TOPIC
    assert (USER, "golden", told["position"]) == (recorded.actor, recorded.request_id, recorded.position)
    assert all(
        getattr(recorded.event, name) is not None or told["state"][name] is None
        for name in told["state"].keys() & vars(recorded.event)
    )


def replayed(stream_id):
    aggregate = None
    for line in lines():
        recorded = load(line)
        if recorded.stream_id == stream_id:
            aggregate = recorded.event.mutate(aggregate)
    return aggregate


def test_golden_book_is_replayed():
    book = replayed(BOOK)
    assert Book is type(book)
    assert ("House", "우리 집", "KRW", 10_000, False) == (
        book.name,
        book.description,
        book.currency,
        book.opening_balance_minor,
        book.deleted,
    )
    food, gifts = Category(FOOD, "expense", "식비"), Category(GIFTS, "income", "Gifts")
    assert {FOOD: food, GIFTS: gifts} == book.categories
    assert {USER: "owner"} == book.members


def test_golden_entry_is_replayed():
    entry = replayed(ENTRY)
    assert Entry is type(entry)
    posting = Posting(9_000, None, "income", date(2026, 11, 22))
    assert (posting, "저녁", [], an_id(8), False, 4) == (
        entry.posting,
        entry.memo,
        entry.tags,
        entry.copied_from,
        entry.deleted,
        entry.version,
    )


def test_golden_shared_book_is_replayed():
    book, invitation, share = replayed(SHARED), replayed(INVITATION), replayed(SHARE)
    assert ({FRIEND: "owner"}, []) == (book.members, book.closings)
    assert (FRIEND, "lee@example.com", "viewer") == (invitation.accepted_by, invitation.email, invitation.role)
    assert (MOVED, True) == (share.entry_id, share.revoked)


def test_golden_transfer_is_replayed():
    entry = replayed(MOVED)
    assert ("11월 회비", False, 50_000, "transfer_out") == (
        entry.memo,
        entry.deleted,
        entry.posting.amount_minor,
        entry.posting.kind,
    )
    assert Transfer(an_id(16), BOOK, an_id(17)) == entry.transfer


def test_entry_recorded_before_imports_and_transfers_has_neither():
    entry = replayed(ENTRY)
    assert (None, None) == (entry.batch_id, entry.transfer)


def test_golden_user_session_and_claim_are_replayed():
    user, session, claim = replayed(USER), replayed(SESSION), replayed(CLAIM)
    assert User is type(user)
    assert ("kim@example.com", "김", date(1990, 2, 28), "+821012345678", "$argon2id$two") == (
        user.email,
        user.name,
        user.birth_date,
        user.phone_number,
        user.password_hash,
    )
    assert Session is type(session)
    assert ("Firefox", "192.0.2.2", True, 1) == (
        session.user_agent,
        session.ip,
        session.ended,
        len(session.spent_hashes),
    )
    assert USER == claim.user_id


def test_golden_session_started_before_it_was_noted_how_was_by_password():
    assert (["pwd"], ["pwd", "otp", "mfa"]) == (replayed(SESSION).amr, replayed(PROVED_SESSION).amr)


def test_golden_factors_are_replayed():
    totp, step, passkeys = replayed(totp_id(USER)), replayed(STEP), replayed(passkeys_id(USER))
    assert (Totp, TotpStep, Passkeys) == (type(totp), type(step), type(passkeys))
    assert (None, False, 58_792_322) == (totp.secret, totp.enabled, step.step)
    (key,) = passkeys.live.values()
    assert (passkey_id(b"key"), "a2V5", "cHVibGlj", "열쇠") == (key.id, key.credential_id, key.public_key, key.name)
    assert (4, False, True) == (key.sign_count, key.synced, key.clone_suspected)


def test_golden_refused_sign_in_is_replayed():
    refusal = replayed(an_id(33))
    assert (WRONG_PASSWORD, "curl", "192.0.2.9", 3) == (
        refusal.reason,
        refusal.user_agent,
        refusal.ip,
        refusal.unrecorded,
    )


def test_golden_changed_user_claims_and_messages_are_replayed():
    user, freed, taken, link, refused = map(replayed, (CHANGED_USER, FREED_CLAIM, TAKEN_CLAIM, LINK, REFUSED))
    assert ("new@example.com", True, None, 2, "$argon2id$four") == (
        user.email,
        user.email_verified,
        user.pending_email,
        user.credentials,
        user.password_hash,
    )
    assert ("이", None, "+821087654321", datetime(2026, 11, 23, 1, 2, 3, 456789, tzinfo=UTC)) == (
        user.name,
        user.birth_date,
        user.phone_number,
        user.phone_number_since,
    )
    assert (None, CHANGED_USER) == (freed.user_id, taken.user_id)
    assert Message is type(link)
    assert ("verify_email", "mail", "old@example.com", "ko", 0, False, True) == (
        link.kind,
        link.channel,
        link.to,
        link.language,
        link.credentials,
        link.waiting,
        link.used,
    )
    assert ("phone", "+821087654321", False) == (refused.channel, refused.to, refused.waiting)


def test_golden_signing_keys_are_replayed():
    keys = replayed(KEYS)
    first_at, second_at = (datetime(2026, 11, 23, 1, 2, second, 456789, tzinfo=UTC) for second in (5, 6))
    assert SigningKeys is type(keys)
    assert {
        "first": SigningKey("first", "cHVibGlj", "c2VjcmV0", first_at, second_at, retired=True),
        "second": SigningKey("second", "cHVibGljMg", "c2VjcmV0Mg", second_at),
    } == keys.keys


def test_golden_clients_and_api_token_are_replayed():
    clients, token = replayed(CLIENTS), replayed(API_TOKEN)
    assert Clients is type(clients)
    assert {} == clients.clients
    assert ApiToken is type(token)
    assert ("가계 스크립트", ["read", "write"], [BOOK], date(2026, 11, 24), True) == (
        token.name,
        token.scopes,
        token.books,
        token.last_used_on,
        token.revoked,
    )


def test_golden_events_are_folded_into_every_read_model():
    events = [load(line) for line in lines()]
    books, entry_rows, session_rows = Books(), {}, {}
    books.fold(events)
    entries.fold(entry_rows, events)
    sessions.fold(session_rows, events)

    book, entry = books.books[BOOK], entry_rows[BOOK, ENTRY]
    assert ("House", 9_000, 0, 1) == (book.name, book.income_minor, book.expense_minor, book.entry_count)
    assert ("저녁", 9_000, USER) == (entry.memo, entry.amount_minor, entry.created_by)
    assert datetime(2026, 11, 23, 1, 2, 12, 456789, tzinfo=UTC) == entry.created_at
    assert session_rows[SESSION].ended
    of_book = [event for event in events if event.journal_id == BOOK]
    live = {day: sums for (_, day, *_), sums in fold(of_book).items() if sums != Sums()}
    assert {date(2026, 11, 22): Sums(9_000, 0, 0, 1)} == live
