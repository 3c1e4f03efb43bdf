"""Members, closings, transfers and retries when two processes act at the same moment."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from uuid_utils.compat import uuid7

from eventstore.codec import Metadata
from eventstore.store import Change
from ledger.book import OWNER, Book
from ledger.commands.books import add_category, close_period, open_book, restore_book
from ledger.commands.deciding import Placed
from ledger.commands.entries import Target, amend_entry, delete_entry, duplicate_entry, record_entry, revert_entry
from ledger.commands.members import accept_invitation, change_role, invite, remove_member
from ledger.commands.transfers import Amounts, transfer
from ledger.entry import Entry
from ledger.errors import (
    BookNotFound,
    EntryDeleted,
    IdempotencyKeyReused,
    InvitationGone,
    LedgerError,
    MemberNotFound,
    NotPermitted,
    OwnerMustStay,
    PeriodClosed,
)
from ledger.invitation import Invitation
from tests.contract.books import everything, gapless, opened
from tests.ledgers import a_ledger
from tests.told import DAY

EMAIL = "nobody@example.com"
"""Of everybody, to a ledger on a store of a test's own."""
ROUNDS = 8
WRITES = 30


@pytest.fixture
def here(store):
    return a_ledger(store)


@pytest.fixture
def there(neighbour):
    return a_ledger(neighbour)


async def joined(ledger, owner, book, role="editor"):
    """Let somebody join a book. Returns: as whom they act."""
    token, _, _ = await invite(ledger, owner, book.id, EMAIL, role)
    member = Metadata(uuid7(), "test")
    await accept_invitation(ledger, member, token.text)
    return member


async def at_once(*work):
    return await asyncio.gather(*work, return_exceptions=True)


def record(ledger, metadata, book, day=DAY):
    return record_entry(ledger, metadata, book.id, "expense", "5", day, None, "", [])


def entry_of(metadata, placed):
    return Target(metadata, placed.book.id, placed.entry.id, lambda _placed: None)


def split(outcomes, *, refused_by):
    """Count those that were done; whatever was not must have been refused by one of these."""
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert {type(error) for error in refused} <= refused_by, refused
    return len(outcomes) - len(refused), len(refused)


async def recorded_and_turn(store, book, turn):
    """The positions of the entries recorded in a book, and that of the event after which none may be."""
    events = await everything(store, book.id)
    assert gapless(events)
    (last,) = [event.position for event in events if isinstance(event.event, turn)]
    return [event.position for event in events if isinstance(event.event, Entry.Recorded)], last


async def test_writes_of_a_member_are_recorded_before_the_removal_or_refused(here, there, store, metadata, book):
    editor = await joined(here, metadata, book)
    await record(here, editor, book)
    writing = asyncio.gather(*(record(here, editor, book) for _ in range(WRITES)), return_exceptions=True)
    await remove_member(there, metadata, book.id, editor.actor)
    outcomes = [*await writing, *await at_once(record(here, editor, book))]

    done, refused = split(outcomes, refused_by={BookNotFound})
    assert refused > 0
    positions, removed = await recorded_and_turn(store, book, Book.MemberRemoved)
    assert 1 + done == len(positions)
    assert max(positions) < removed


async def test_entries_are_recorded_before_the_closing_or_refused(here, there, store, metadata, book):
    await record(here, metadata, book)
    writing = asyncio.gather(*(record(here, metadata, book) for _ in range(WRITES)), return_exceptions=True)
    await close_period(there, metadata, book.id, DAY)
    outcomes = [*await writing, *await at_once(record(here, metadata, book))]

    done, refused = split(outcomes, refused_by={PeriodClosed})
    assert refused > 0
    positions, closed = await recorded_and_turn(store, book, Book.PeriodClosed)
    assert 1 + done == len(positions)
    assert max(positions) < closed
    await record(here, metadata, book, DAY + timedelta(days=1))


async def test_entry_is_changed_before_the_closing_or_not_at_all(here, there, store, metadata):
    for _ in range(ROUNDS):
        book = await opened(store, metadata)
        placed = [await record(here, metadata, book) for _ in range(3)]
        first, second, third = (entry_of(metadata, entry) for entry in placed)
        _, *outcomes = await at_once(
            close_period(there, metadata, book.id, DAY),
            amend_entry(here, first, {"amount": "7"}),
            delete_entry(here, second),
            duplicate_entry(here, third, None),
        )
        done, _ = split(outcomes, refused_by={PeriodClosed})
        events = await everything(store, book.id)
        (closed,) = [event.position for event in events if isinstance(event.event, Book.PeriodClosed)]
        assert len(events) == closed
        assert closed == 1 + 3 + done + 1


async def test_transfer_is_recorded_in_both_books_before_the_closing_of_one_or_in_neither(here, there, store, metadata):
    for _ in range(ROUNDS):
        source, target = await opened(store, metadata), await opened(store, metadata)
        _, *outcomes = await at_once(
            close_period(there, metadata, target.id, DAY),
            *(transfer(here, metadata, source.id, target.id, Amounts("5", None), DAY, "") for _ in range(4)),
        )
        done, _ = split(outcomes, refused_by={PeriodClosed})
        arrived, closed = await recorded_and_turn(store, target, Book.PeriodClosed)
        assert max(arrived, default=0) < closed
        left = [event for event in await everything(store, source.id) if isinstance(event.event, Entry.Recorded)]
        assert done == len(left) == len(arrived)


async def test_both_sides_of_a_transfer_changed_at_once_stay_alike(here, there, store, metadata):
    source, target = await opened(store, metadata), await opened(store, metadata)
    for _ in range(ROUNDS):
        made = await transfer(here, metadata, source.id, target.id, Amounts("5", None), DAY, "")
        sides = [entry_of(metadata, made.source), entry_of(metadata, made.target)]
        outcomes = await at_once(
            amend_entry(here, sides[0], {"amount": "7"}),
            amend_entry(there, sides[1], {"memo": "x", "occurred_on": date(2026, 1, 5)}),
            delete_entry(here, sides[0]),
            delete_entry(there, sides[1]),
        )
        done, refused = split(outcomes, refused_by={EntryDeleted})
        assert refused >= 1
        out, into = [await store.load(side.book_id, Entry, side.entry_id) for side in sides]
        for entry in (out, into):
            assert (1 + done, True) == (entry.version, entry.deleted)
        alike = ("amount_minor", "occurred_on")
        assert (out.memo, *(getattr(out.posting, name) for name in alike)) == (
            into.memo,
            *(getattr(into.posting, name) for name in alike),
        )


async def test_transfers_in_both_directions_at_once_do_not_hinder_each_other(here, there, store, metadata):
    one, other = await opened(store, metadata), await opened(store, metadata)
    moves = [
        transfer(ledger, metadata, source.id, target.id, Amounts("5", None), DAY, "")
        for ledger in (here, there)
        for source, target in ((one, other), (other, one))
        for _ in range(10)
    ]
    await asyncio.gather(*moves)
    for book in (one, other):
        kinds = Counter(
            event.event.adds.kind
            for event in await everything(store, book.id)
            if isinstance(event.event, Entry.Recorded)
        )
        assert {"transfer_in": 20, "transfer_out": 20} == kinds


async def test_invitation_accepted_by_two_at_once_is_accepted_by_one(here, there, store, metadata, book):
    for _ in range(ROUNDS):
        token, _, _ = await invite(here, metadata, book.id, EMAIL, "viewer")
        before = (await store.load(book.id, Book, book.id)).members
        two = [Metadata(uuid7(), "test") for _ in range(2)]
        outcomes = await at_once(
            *(accept_invitation(ledger, who, token.text) for ledger, who in zip((here, there), two, strict=True))
        )
        assert (1, 1) == split(outcomes, refused_by={InvitationGone})
        (winner,) = (await store.load(book.id, Book, book.id)).members.keys() - before.keys()
        invitation = await store.load(book.id, Invitation, token.stream_id)
        assert winner == invitation.accepted_by == two[isinstance(outcomes[0], LedgerError)].actor


async def test_book_handed_over_to_two_at_once_has_one_owner(here, there, store, metadata):
    for _ in range(ROUNDS):
        book = await opened(store, metadata)
        one, other = await joined(here, metadata, book), await joined(here, metadata, book)
        outcomes = await at_once(
            change_role(here, metadata, book.id, one.actor, OWNER),
            change_role(there, metadata, book.id, other.actor, OWNER),
        )
        assert (1, 1) == split(outcomes, refused_by={NotPermitted})
        members = (await store.load(book.id, Book, book.id)).members
        assert [OWNER, "editor", "editor"] == sorted(members.values(), key=lambda role: role != OWNER)
        assert "editor" == members[metadata.actor]


async def test_book_handed_over_to_who_leaves_at_that_moment_has_one_owner(here, there, store, metadata):
    for _ in range(ROUNDS):
        book = await opened(store, metadata)
        editor = await joined(here, metadata, book)
        outcomes = await at_once(
            change_role(here, metadata, book.id, editor.actor, OWNER),
            remove_member(there, editor, book.id, editor.actor),
        )
        assert (1, 1) == split(outcomes, refused_by={MemberNotFound, OwnerMustStay})
        assert 1 == Counter((await store.load(book.id, Book, book.id)).members.values())[OWNER]


# ── twins under one Idempotency-Key ──────────────────────────────────────────────────────────────────────


def close(ledger, metadata, book, _other, _placed):
    return close_period(ledger, metadata, book.id, date(2020, 1, 1))


def name_category(ledger, metadata, book, _other, _placed):
    return add_category(ledger, metadata, book.id, "expense", "Pets")


def restore(ledger, metadata, _book, other, _placed):
    return restore_book(ledger, metadata, other.id)


def write(ledger, metadata, book, _other, _placed):
    return record(ledger, metadata, book)


def copy(ledger, metadata, _book, _other, placed):
    return duplicate_entry(ledger, entry_of(metadata, placed), None)


def revert(ledger, metadata, _book, _other, placed):
    return revert_entry(ledger, entry_of(metadata, placed), 1)


def ask_in(ledger, metadata, book, _other, _placed):
    return invite(ledger, metadata, book.id, EMAIL, "viewer")


def open_one(ledger, metadata, _book, _other, _placed):
    return open_book(ledger, metadata, "Home", "KRW", "", "0", "en")


TWINS = [close, name_category, restore, write, copy, revert, ask_in, open_one]


@pytest.fixture
async def gone(store, metadata):
    """A book that was deleted."""
    book = await opened(store, metadata)
    book.delete()
    await store.append(metadata, [Change(book.id, book)])
    return book


@pytest.fixture
async def placed(here, metadata, book):
    """An entry at its second version."""
    entry = await record(here, metadata, book)
    return await amend_entry(here, entry_of(metadata, entry), {"memo": "second"})


def events_of(owner, operation):
    return owner.fetchval(
        "SELECT count(*) FROM eventstore.events WHERE convert_from(state, 'UTF8')::jsonb ->> 'operation' = $1",
        str(operation),
    )


def is_replayed(outcome):
    """Whether this is a retry's answer; each command tells it in its own way."""
    parts = outcome if isinstance(outcome, tuple) else (outcome,)
    return any(part is True or getattr(part, "replayed", False) for part in parts)


@pytest.mark.parametrize("act", TWINS)
async def test_twins_at_two_processes_have_one_effect(here, there, owner, metadata, book, gone, placed, act):
    keyed = replace(metadata, operation=uuid7(), fingerprint="same")
    outcomes = await asyncio.gather(*(act(ledger, keyed, book, gone, placed) for ledger in (here, there, here, there)))

    assert 1 == await events_of(owner, keyed.operation)
    assert [False, True, True, True] == sorted(is_replayed(outcome) for outcome in outcomes)


@pytest.mark.parametrize("act", TWINS)
async def test_twins_that_ask_for_different_things_have_the_effect_of_one(
    here, there, owner, metadata, book, gone, placed, act
):
    operation = uuid7()
    outcomes = await at_once(
        *(
            act(ledger, replace(metadata, operation=operation, fingerprint=fingerprint), book, gone, placed)
            for ledger, fingerprint in ((here, "one"), (there, "other"))
        )
    )
    assert (1, 1) == split(outcomes, refused_by={IdempotencyKeyReused})
    assert 1 == await events_of(owner, operation)


async def test_twins_of_a_transfer_have_one_effect_in_whatever_books(here, there, owner, store, metadata, book):
    books = [book, *[await opened(store, metadata) for _ in range(3)]]
    keyed = replace(metadata, operation=uuid7(), fingerprint="one")
    asked_otherwise = [replace(keyed, fingerprint=str(number)) for number in range(3)]

    def move(ledger, metadata, source, target):
        return transfer(ledger, metadata, source.id, target.id, Amounts("5", None), DAY, "")

    one, twin, *others = await at_once(
        move(here, keyed, books[0], books[1]),
        move(there, keyed, books[0], books[1]),
        move(here, asked_otherwise[0], books[1], books[0]),
        move(there, asked_otherwise[1], books[2], books[3]),
        move(there, asked_otherwise[2], books[0], books[3]),
    )
    if isinstance(one, LedgerError):  # one of the others was first
        assert (1, 4) == split([one, twin, *others], refused_by={IdempotencyKeyReused})
    else:
        assert (0, 3) == split(others, refused_by={IdempotencyKeyReused})
        assert one.source.entry.id == twin.source.entry.id
        assert {False, True} == {one.source.replayed, twin.source.replayed}
    assert 3 == await events_of(owner, keyed.operation)


async def test_twins_of_an_acceptance_have_one_effect(here, there, store, metadata, book):
    friends = []
    for _ in range(ROUNDS):
        token, _, _ = await invite(here, metadata, book.id, EMAIL, "viewer")
        keyed = Metadata(uuid7(), "test", operation=uuid7(), fingerprint="same")
        friends.append(keyed.actor)
        twins = (accept_invitation(ledger, keyed, token.text) for ledger in (here, there, here))
        outcomes = await asyncio.gather(*twins)
        assert [False, True, True] == sorted(settled.replayed for settled, _ in outcomes)
        assert {"viewer"} == {role for _, role in outcomes}
    joins = [event for event in await everything(store, book.id) if isinstance(event.event, Book.MemberJoined)]
    assert friends == [event.event.user_id for event in joins]


async def test_retry_of_an_entry_shows_it_with_its_book_as_they_were(here, there, metadata, book):
    keyed = replace(metadata, operation=uuid7(), fingerprint="same")
    first = await record(here, keyed, book)
    shown = (first.entry.content, first.entry.version, first.entry.modified_on, first.book.version)
    await amend_entry(here, entry_of(metadata, first), {"memo": "later"})
    await add_category(here, metadata, book.id, "expense", "Pets")
    again = await record(there, keyed, book)
    assert Placed is type(again)
    assert (*shown, True) == (
        again.entry.content,
        again.entry.version,
        again.entry.modified_on,
        again.book.version,
        again.replayed,
    )
