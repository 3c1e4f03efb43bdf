"""The store's promises on bulk appends: stored as any other event, all or nothing, in order, and exact under guards."""

import asyncio
from dataclasses import replace

import orjson
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from uuid_utils.compat import uuid7

from eventstore import codec
from eventstore.bulk import CHUNK_EVENTS
from eventstore.codec import Metadata, PlainEvent, encode, encode_plain, fresh_nonces, metadata_fields
from eventstore.errors import Conflict, StoreUnavailable
from eventstore.store import Change, Guard, replay
from ledger.batch import Batch, Row
from ledger.book import Book
from ledger.commands.imports import _recorded_fields
from ledger.entry import Entry, Posting
from tests.contract.books import everything, gapless, guard_on, opened, recorded
from tests.given import an_id
from tests.told import BOOK, DAY, FOOD, OWNER, a_posting, an_entry

KEY = AESGCM(bytes(32))
MANY = 2 * CHUNK_EVENTS + 7
METADATA = [Metadata(OWNER, "request"), Metadata(None, "request"), Metadata(OWNER, "request", an_id(5), "print")]


def plain(entry_id, amount_minor=1, **fields):
    """A recorded entry, told by its fields."""
    told = {"adds": a_posting(amount_minor), "memo": "점심", "tags": ["a"], "copied_from": None}
    return PlainEvent(Entry.Recorded, entry_id, 1, {**told, "batch_id": None, "transfer": None, **fields})


def plains(count):
    return [plain(uuid7(), number + 1) for number in range(count)]


def a_batch(created=MANY):
    return Batch(id=uuid7(), format="csv", created=created, duplicates=0)


@pytest.fixture
def one_nonce(monkeypatch):
    """Two encryptions of one text are equal only under one nonce."""
    monkeypatch.setattr(codec.os, "urandom", bytes)


@pytest.mark.parametrize("metadata", METADATA)
@pytest.mark.parametrize("category", [None, "Food"])
def test_imported_entry_is_stored_byte_for_byte_as_one_recorded_by_itself(one_nonce, metadata, category):
    row = Row(2, "expense", 12_000, DAY, category, "점심\n둘 \U0001f600", ("외식", "가족"))
    category_id, batch_id = category and FOOD.category_id, an_id(9)
    entry = Entry(an_id(20), Posting(12_000, category_id, "expense", DAY), row.memo, list(row.tags), batch_id=batch_id)
    told = PlainEvent(Entry.Recorded, entry.id, 1, _recorded_fields(row, category_id, batch_id))
    (event,) = entry.unrecorded_events()
    assert encode(event, BOOK, metadata, KEY) == encode_plain(
        told, BOOK, metadata_fields(metadata), KEY, fresh_nonces(1)
    )


@pytest.mark.parametrize("metadata", METADATA)
def test_deletion_by_revert_is_stored_byte_for_byte_as_one_by_itself(one_nonce, metadata):
    entry = an_entry()
    entry.delete(an_id(9))
    event = entry.unrecorded_events()[-1]
    told = PlainEvent(Entry.Deleted, entry.id, 2, {"removes": entry.posting, "batch_id": an_id(9)})
    assert encode(event, BOOK, metadata, KEY) == encode_plain(
        told, BOOK, metadata_fields(metadata), KEY, fresh_nonces(1)
    )


def test_sealed_event_without_a_key_is_refused():
    with pytest.raises(TypeError):
        encode_plain(plain(an_id(20)), BOOK, {}, None, fresh_nonces(1))


async def test_bulk_is_recorded_in_order_after_the_first_events(store, neighbour, metadata, book):
    batch, events = a_batch(), plains(MANY)
    await store.append_many(metadata, book.id, [batch], events, [guard_on(book)])
    found = await everything(neighbour, book.id)
    expected = [book.id, batch.id, *(event.stream_id for event in events)]
    assert expected == [event.stream_id for event in found]
    assert gapless(found)
    assert {metadata.actor} == {event.actor for event in found}
    last = await neighbour.load(book.id, Entry, events[-1].stream_id)
    assert (MANY, "점심", ["a"]) == (last.posting.amount_minor, last.memo, last.tags)


async def test_bulk_of_nothing_more_records_the_first_events(store, metadata, book):
    batch = a_batch(0)
    await store.append_many(metadata, book.id, [batch], [], [guard_on(book)])
    assert "csv" == (await store.load(book.id, Batch, batch.id)).format


async def test_bulk_is_one_transaction(store, metadata, book, owner):
    await store.append_many(metadata, book.id, [a_batch()], plains(MANY), [guard_on(book)])
    transactions = "SELECT count(DISTINCT xmin::text) FROM eventstore.events WHERE position > 1"
    assert 1 == await owner.fetchval(transactions)


async def test_bulk_may_change_what_it_is_guarded_by(store, metadata, book):
    guard = guard_on(book)
    book.add_category(an_id(77), "expense", "Tea")
    await store.append_many(metadata, book.id, [book, a_batch()], plains(MANY), [guard])
    assert an_id(77) in (await store.load(book.id, Book, book.id)).categories
    assert gapless(await everything(store, book.id))


@pytest.mark.parametrize("version", [0, 2])
async def test_bulk_whose_guard_does_not_hold_leaves_nothing(store, metadata, book, version):
    with pytest.raises(Conflict) as caught:
        await store.append_many(metadata, book.id, [a_batch()], plains(5), [Guard(book.id, book.id, version)])
    assert (book.id, 1) == (caught.value.stream_id, caught.value.version)
    assert 1 == len(await everything(store, book.id))


@pytest.mark.parametrize("place", [0, CHUNK_EVENTS, MANY - 1])
async def test_bulk_with_a_stream_that_exists_leaves_nothing(store, metadata, book, place):
    entry, events = await recorded(store, metadata, book), plains(MANY)
    events[place] = plain(entry.id)
    with pytest.raises(Conflict):
        await store.append_many(metadata, book.id, [a_batch()], events, [guard_on(book)])
    assert [book.id, entry.id] == [event.stream_id for event in await everything(store, book.id)]


async def test_bulk_whose_source_fails_midway_leaves_nothing(store, metadata, book):
    def failing():
        yield from plains(CHUNK_EVENTS + 1)
        raise ValueError("half a file")

    with pytest.raises(ValueError, match="half a file"):
        await store.append_many(metadata, book.id, [a_batch()], failing(), [guard_on(book)])
    assert 1 == len(await everything(store, book.id))
    await store.append_many(metadata, book.id, [a_batch(0)], [], [guard_on(book)])


async def test_bulk_cancelled_midway_leaves_nothing_and_blocks_nobody(store, metadata, book):
    half = asyncio.Event()

    def slow():
        yield from plains(CHUNK_EVENTS + 1)
        half.set()
        yield from plains(20 * CHUNK_EVENTS)

    task = asyncio.create_task(store.append_many(metadata, book.id, [a_batch()], slow(), [guard_on(book)]))
    await half.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(recorded(store, metadata, book), 5)
    assert 2 == len(await everything(store, book.id))


async def test_bulk_whose_connection_is_cut_midway_leaves_nothing(store, neighbour, metadata, book, owner):
    half = asyncio.Event()

    def slow():
        yield from plains(CHUNK_EVENTS + 1)
        half.set()
        yield from plains(20 * CHUNK_EVENTS)

    task = asyncio.create_task(store.append_many(metadata, book.id, [a_batch()], slow(), [guard_on(book)]))
    await half.wait()
    cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE xact_start IS NOT NULL AND pid <> $1"
    await owner.execute(cut, owner.get_server_pid())
    with pytest.raises(StoreUnavailable):
        await task
    assert 1 == len(await everything(neighbour, book.id))


async def test_commands_on_other_journals_do_not_wait_for_a_bulk(store, metadata, book):
    other, hold = await opened(store, metadata), asyncio.Event()
    waiting = None

    def watching():
        yield from plains(CHUNK_EVENTS * 4)
        hold.set()
        yield from plains(CHUNK_EVENTS * 40)

    bulk = asyncio.create_task(store.append_many(metadata, book.id, [a_batch()], watching(), [guard_on(book)]))
    await hold.wait()
    waiting = asyncio.create_task(recorded(store, metadata, book))
    await recorded(store, metadata, other)
    assert (False, False) == (bulk.done(), waiting.done())
    await asyncio.gather(bulk, waiting)
    assert gapless(await everything(store, book.id))


async def test_command_of_another_process_waits_for_a_bulk_and_comes_after_it(store, neighbour, metadata, book):
    bulk = store.append_many(metadata, book.id, [a_batch()], plains(MANY), [guard_on(book)])
    entries = [an_entry(uuid7()) for _ in range(20)]
    commands = [neighbour.append(metadata, [Change(book.id, entry)], [guard_on(book)]) for entry in entries]
    await asyncio.gather(bulk, *commands)
    found = await everything(store, book.id)
    assert gapless(found)
    assert 2 + MANY + 20 == len(found)


async def test_last_events_are_found_of_the_streams_that_exist(store, metadata, book):
    live, deleted = await recorded(store, metadata, book), await recorded(store, metadata, book)
    deleted.delete(an_id(9))
    await store.append(metadata, [Change(book.id, deleted)])
    found = await store.find_last(book.id, [live.id, deleted.id, uuid7()], [Entry.Deleted])
    assert {live.id, deleted.id} == found.keys()
    assert found[live.id] is None
    assert (2, an_id(9)) == (found[deleted.id].version, found[deleted.id].event.batch_id)
    assert {} == await store.find_last(uuid7(), [live.id], [Entry.Deleted])


async def test_streams_begun_at_positions_are_read_whole(store, metadata, book):
    one, other, beyond = [await recorded(store, metadata, book, posting=a_posting(number)) for number in (1, 2, 3)]
    one.amend(replace(one.posting, amount_minor=9), "dinner", [])
    await store.append(metadata, [Change(book.id, one)])
    found = await store.read_begun(book.id, 2, 3)
    assert [(one.id, 1), (one.id, 2), (other.id, 1)] == [(event.stream_id, event.version) for event in found]
    assert 9 == replay(Entry, found[:2]).posting.amount_minor
    assert [beyond.id] == [event.stream_id for event in await store.read_begun(book.id, 4, 5)]


async def test_bulk_stores_what_the_library_reads_back_as_canonical(store, metadata, book, owner):
    await store.append_many(metadata, book.id, [a_batch(3)], plains(3), [guard_on(book)])
    for row in await owner.fetch("SELECT state FROM eventstore.events"):
        assert codec.canonical(orjson.loads(row["state"])) == row["state"]
