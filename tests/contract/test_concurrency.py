"""The store under real concurrency: guards are exact, journals gapless, whatever happens to connections."""

import asyncio
import contextlib
import random
from collections import Counter

from uuid_utils.compat import uuid7

from eventstore.errors import Conflict, StoreUnavailable
from eventstore.store import Change, Guard
from ledger.book import Book
from ledger.commands.books import delete_book
from ledger.commands.entries import record_entry
from ledger.entry import Entry
from ledger.errors import BookDeleted, EntryDeleted
from tests.contract.books import everything, gapless, guard_on, opened, recorded
from tests.ledgers import a_ledger
from tests.told import DAY, a_posting, an_entry

WRITERS = 32
JOURNALS = 4
KILLS = 30


async def test_stream_changed_by_two_processes_at_once_is_changed_by_one(store, neighbour, metadata, book):
    entries = [await recorded(store, metadata, book) for _ in range(20)]

    async def delete(by, entry_id):
        entry = await by.load(book.id, Entry, entry_id)
        entry.delete()
        await by.append(metadata, [Change(book.id, entry)])

    for entry in entries:
        outcomes = await asyncio.gather(delete(store, entry.id), delete(neighbour, entry.id), return_exceptions=True)
        refused = [outcome for outcome in outcomes if outcome is not None]
        assert 1 == len(refused)
        assert type(refused[0]) in {Conflict, EntryDeleted}
    events = await everything(store, book.id)
    assert gapless(events)
    assert 1 + 2 * len(entries) == len(events)


async def test_guard_holds_while_another_process_moves_what_it_guards(store, neighbour, metadata, book):
    """Entries are recorded by one process under the guard "book at the version I know", while another amends it."""
    guard_versions = {}

    async def record(number):
        known = await store.load(book.id, Book, book.id)
        entry = an_entry(uuid7(), a_posting(number + 1))
        guard_versions[entry.id] = known.version
        with contextlib.suppress(Conflict):
            await store.append(metadata, [Change(book.id, entry)], [Guard(book.id, book.id, known.version)])

    async def amend(number):
        known = await neighbour.load(book.id, Book, book.id)
        known.amend(f"name {number}", None, None)
        with contextlib.suppress(Conflict):
            await neighbour.append(metadata, [Change(book.id, known)])

    for round_number in range(10):
        await asyncio.gather(
            *(record(number) for number in range(10)), *(amend(round_number * 10 + n) for n in range(5))
        )

    events = await everything(store, book.id)
    assert gapless(events)
    version, kept = 0, 0
    for event in events:
        if event.stream_id == book.id:
            version = event.version
        else:
            kept += 1
            assert guard_versions[event.stream_id] == version
    assert 0 < kept
    assert 1 < version


async def test_entry_decided_on_a_cached_book_is_refused_once_another_process_deleted_it(
    store, neighbour, metadata, book
):
    here, there = a_ledger(store), a_ledger(neighbour)

    def record(number):
        return record_entry(here, metadata, book.id, "expense", str(number + 1), DAY, None, "", [])

    await record(0)
    assert book.id in here.books
    attempts = asyncio.gather(*(record(number) for number in range(30)), return_exceptions=True)
    await delete_book(there, metadata, book.id)
    outcomes = [*await attempts, *await asyncio.gather(record(31), return_exceptions=True)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert refused
    assert {BookDeleted} == {type(error) for error in refused}
    events = await everything(store, book.id)
    assert Book.Deleted is type(events[-1].event)
    assert len(events) == 3 + len(outcomes) - len(refused)


async def keep_writing(store, metadata, books, enough, acknowledged, submitted):
    """One writer: an entry in one or two random journals, again and again, whatever becomes of the connections."""
    while not enough.is_set():
        chosen = random.sample(books, random.choice([1, 1, 2]))
        entries = [an_entry(uuid7()) for _ in chosen]
        changes = [Change(book.id, entry) for book, entry in zip(chosen, entries, strict=True)]
        submitted |= {entry.id for entry in entries}
        with contextlib.suppress(StoreUnavailable):
            await store.append(metadata, changes, [guard_on(book) for book in chosen])
            acknowledged |= {entry.id for entry in entries}


async def kill_connections(owner, count):
    """Kill connections of the service in the middle of what they do."""
    busy = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'gagyebu'"
        " AND state = 'active' ORDER BY random() LIMIT 1"
    )
    while count > 0:
        count -= sum(
            row[0] for row in await owner.fetch(f"SELECT pg_terminate_backend(pid)::int FROM ({busy}) AS busy")
        )


async def test_journals_stay_whole_while_many_write_and_connections_are_killed(store, neighbour, metadata, owner):
    books = [await opened(store, metadata) for _ in range(JOURNALS)]
    enough, acknowledged, submitted = asyncio.Event(), set(), set()
    work = [
        keep_writing(one, metadata, books, enough, acknowledged, submitted)
        for one in [store, neighbour] * (WRITERS // 2)
    ]
    writing = asyncio.gather(*work)
    await kill_connections(owner, KILLS)
    enough.set()
    await writing

    journals = {book.id: await read_again(store, book.id) for book in books}
    assert all(gapless(events) for events in journals.values())
    found = Counter(event.stream_id for events in journals.values() for event in events if event.version == 1)
    assert {1} == set(found.values())
    recorded_ids = set(found) - {book.id for book in books}
    assert acknowledged <= recorded_ids <= submitted
    for events in journals.values():
        times = [event.recorded_at for event in events]
        assert sorted(times) == times
    heads = await owner.fetch("SELECT journal_id, position, recorded_at FROM eventstore.journals")
    assert {book_id: (len(events), events[-1].recorded_at) for book_id, events in journals.items()} == {
        head["journal_id"]: (head["position"], head["recorded_at"]) for head in heads
    }
    assert {(True, 1)} == {tuple(row) for row in await owner.fetch(TRANSACTIONS)}


# Transactions on one journal run one after the other: the positions that one writes lie side by side, at one time.
TRANSACTIONS = """
    SELECT max(position) - min(position) + 1 = count(*), count(DISTINCT recorded_at)
    FROM eventstore.events GROUP BY journal_id, xmin::text
"""


async def read_again(store, journal_id):
    """Read a journal, also where the connections it is read over were killed."""
    while True:
        with contextlib.suppress(StoreUnavailable):
            return await everything(store, journal_id)


async def test_journal_read_while_it_is_written_has_no_holes(store, neighbour, metadata, book):
    """What is visible is always a prefix: an event is never seen before one with a smaller position."""

    async def write():
        for _ in range(60):
            await asyncio.gather(*(recorded(store, metadata, book) for _ in range(5)))

    writing = asyncio.create_task(write())
    seen = 0
    while not writing.done():
        events = await neighbour.read(book.id, after=seen)
        assert list(range(seen + 1, seen + 1 + len(events))) == [event.position for event in events]
        seen += len(events)
    await writing
    assert 301 == seen + len(await neighbour.read(book.id, after=seen))


async def test_journals_written_in_any_order_do_not_deadlock(store, neighbour, metadata):
    books = [await opened(store, metadata) for _ in range(6)]

    async def write(by):
        for _ in range(25):
            chosen = random.sample(books, 4)
            changes = [Change(book.id, an_entry(uuid7())) for book in chosen]
            await by.append(metadata, changes, [guard_on(book) for book in random.sample(books, 3)])

    await asyncio.gather(*(write(one) for one in [store, neighbour] * 8))
    journals = [await everything(store, book.id) for book in books]
    assert all(gapless(events) for events in journals)
    assert len(books) + 16 * 25 * 4 == sum(map(len, journals))


async def test_journal_of_12000_events_is_read_to_its_end(store, metadata, book):
    for _ in range(12):
        entries = [Change(book.id, an_entry(uuid7(), memo="", tags=[])) for _ in range(1000)]
        await store.append(metadata, entries, [guard_on(book)])
    events = await everything(store, book.id)
    assert 12_001 == len(events)
    assert gapless(events)
    assert [] == await store.read(book.id, after=12_001)
    assert [5, 6] == [event.position for event in await store.read(book.id, after=4, limit=2)]
