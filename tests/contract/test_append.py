"""The store's promises on append: all or nothing, alone in conflict, exact under guards."""

import asyncio
from dataclasses import replace

import pytest
from uuid_utils.compat import uuid7

from auth.user import EmailClaim
from eventstore.batching import BATCH_SIZE_MAX
from eventstore.errors import Conflict, JournalNotWritable, MasterKeyMismatch, StoreUnavailable
from eventstore.keys import Keyring, MasterKey
from eventstore.store import Change, EventStore, Guard
from ledger.book import Book
from ledger.entry import Entry
from tests.contract.books import everything, gapless, guard_on, opened, recorded
from tests.told import a_book, a_posting, an_entry


async def outcomes_of(*appends):
    """What came of appends submitted at the same moment, which travel as one batch."""
    return await asyncio.gather(*appends, return_exceptions=True)


async def traces(owner):
    """All that the store holds."""
    tables = ("journals", "events", "journal_keys")
    return {table: await owner.fetch(f"SELECT * FROM eventstore.{table} ORDER BY 1, 2") for table in tables}


async def test_command_recorded_is_loaded_as_it_was_by_another_process(store, neighbour, metadata, book):
    entry = await recorded(store, metadata, book, posting=a_posting(5), memo="점심", tags=["a", "b"])
    loaded = await neighbour.load(book.id, Entry, entry.id)
    shown = ("posting", "memo", "tags", "version", "created_by", "created_on", "modified_on", "deleted")
    assert {name: getattr(entry, name) for name in shown} == {name: getattr(loaded, name) for name in shown}
    assert metadata.actor == loaded.created_by


async def test_stream_unknown_or_of_another_kind_loads_as_none(store, book):
    assert await store.load(book.id, Entry, uuid7()) is None
    assert await store.load(book.id, Entry, book.id) is None
    assert await store.load(uuid7(), Book, book.id) is None


async def test_command_of_several_events_and_streams_is_recorded_in_its_order(store, metadata, book):
    one, other = an_entry(uuid7()), an_entry(uuid7())
    one.delete()
    appended = await store.append(metadata, [Change(book.id, one), Change(book.id, other)], [guard_on(book)])
    events = await everything(store, book.id)
    expected = [(book.id, 1), (one.id, 1), (one.id, 2), (other.id, 1)]
    assert expected == [(event.stream_id, event.version) for event in events]
    assert (4, appended.recorded_at) == (appended.position, events[-1].recorded_at)
    assert {appended.recorded_at} == {one.created_on, one.modified_on, other.created_on}


async def test_command_in_two_journals_is_recorded_in_both_or_neither(store, metadata, book):
    other = await opened(store, metadata)
    here, there = an_entry(uuid7()), an_entry(uuid7())
    changes = [Change(book.id, here), Change(other.id, there)]
    with pytest.raises(Conflict):
        await store.append(metadata, changes, [guard_on(book), Guard(other.id, other.id, 9)])
    assert [1, 1] == [len(await everything(store, journal.id)) for journal in (book, other)]
    await store.append(metadata, changes, [guard_on(book), guard_on(other)])
    assert [2, 2] == [len(await everything(store, journal.id)) for journal in (book, other)]


async def test_command_in_conflict_fails_alone_in_its_batch(store, metadata, book):
    entry = await recorded(store, metadata, book)
    stale = await store.load(book.id, Entry, entry.id)
    entry.delete()
    await store.append(metadata, [Change(book.id, entry)])
    stale.delete()
    before, first, last = an_entry(uuid7()), an_entry(uuid7()), an_entry(uuid7())
    outcomes = await outcomes_of(
        store.append(metadata, [Change(book.id, before)], [guard_on(book)]),
        store.append(metadata, [Change(book.id, first)], [guard_on(book)]),
        store.append(metadata, [Change(book.id, stale)], [guard_on(book)]),
        store.append(metadata, [Change(book.id, last)], [guard_on(book)]),
    )
    assert (entry.id, 2) == (outcomes[2].stream_id, outcomes[2].version)
    assert Conflict is type(outcomes.pop(2))
    assert [4, 5, 6] == [outcome.position for outcome in outcomes]
    assert gapless(await everything(store, book.id))


async def test_command_in_conflict_keeps_its_events_pending(store, metadata, book):
    entry = an_entry(uuid7())
    with pytest.raises(Conflict):
        await store.append(metadata, [Change(book.id, entry)], [Guard(book.id, book.id, 7)])
    assert 1 == len(entry.unrecorded_events())


@pytest.mark.parametrize("version", [0, 2, 99])
async def test_guard_at_another_version_is_a_conflict_that_names_the_present_one(store, metadata, book, version):
    with pytest.raises(Conflict) as caught:
        await store.append(metadata, [Change(book.id, an_entry(uuid7()))], [Guard(book.id, book.id, version)])
    assert (book.id, 1) == (caught.value.stream_id, caught.value.version)


async def test_guard_on_another_journal_holds_too(store, metadata, book):
    other = await opened(store, metadata)
    await store.append(metadata, [Change(book.id, an_entry(uuid7()))], [guard_on(other)])
    with pytest.raises(Conflict):
        await store.append(metadata, [Change(book.id, an_entry(uuid7()))], [Guard(other.id, other.id, 2)])


async def test_one_batch_with_the_same_stream_twice_records_the_first(store, metadata, book):
    entry = await recorded(store, metadata, book)
    twins = [await store.load(book.id, Entry, entry.id) for _ in range(3)]
    for twin in twins:
        twin.delete()
    outcomes = await outcomes_of(*(store.append(metadata, [Change(book.id, twin)]) for twin in twins))
    assert 3 == outcomes[0].position
    assert [Conflict, Conflict] == [type(outcome) for outcome in outcomes[1:]]


async def test_guard_on_a_stream_written_earlier_in_the_batch_is_a_conflict(store, metadata, book):
    guard = guard_on(book)
    book.delete()
    outcomes = await outcomes_of(
        store.append(metadata, [Change(book.id, book)]),
        store.append(metadata, [Change(book.id, an_entry(uuid7()))], [guard]),
    )
    assert 2 == outcomes[0].position
    assert Conflict is type(outcomes[1])


async def test_guard_on_a_stream_written_later_in_the_batch_holds(store, metadata, book):
    entry, guard = an_entry(uuid7()), guard_on(book)
    book.delete()
    outcomes = await outcomes_of(
        store.append(metadata, [Change(book.id, entry)], [guard]), store.append(metadata, [Change(book.id, book)])
    )
    assert [2, 3] == [outcome.position for outcome in outcomes]


async def test_writer_in_conflict_does_not_stand_in_the_way_of_the_next(store, metadata, book):
    stale = await store.load(book.id, Book, book.id)
    book.amend("House", None, None)
    await store.append(metadata, [Change(book.id, book)])
    stale.amend("Flat", None, None)
    book.amend("Castle", None, None)
    entry, guard = an_entry(uuid7()), Guard(book.id, book.id, 2)
    outcomes = await outcomes_of(
        store.append(metadata, [Change(book.id, stale)]),
        store.append(metadata, [Change(book.id, entry)], [guard]),
        store.append(metadata, [Change(book.id, book)]),
    )
    assert Conflict is type(outcomes[0])
    assert [3, 4] == [outcome.position for outcome in outcomes[1:]]


async def test_journal_that_exists_is_not_made_again(store, neighbour, metadata, book, owner):
    before = await traces(owner)
    with pytest.raises(Conflict) as caught:
        await neighbour.append(metadata, [Change(book.id, a_book(book.id, name="thief"))])
    assert (book.id, 1) == (caught.value.stream_id, caught.value.version)
    assert before == await traces(owner)


async def test_journal_made_twice_in_one_batch_is_made_by_the_first(store, neighbour, metadata):
    book_id = uuid7()
    books = [a_book(book_id, name=name) for name in ("one", "other")]
    neighbouring = a_book(uuid7())
    changes = [Change(book_id, books[0]), Change(book_id, books[1]), Change(neighbouring.id, neighbouring)]
    outcomes = await outcomes_of(*(store.append(metadata, [change]) for change in changes))
    assert (1, 1) == (outcomes[0].position, outcomes[2].position)
    assert Conflict is type(outcomes[1])
    assert "one" == (await neighbour.load(book_id, Book, book_id)).name


async def test_journal_made_by_the_second_in_a_batch_after_the_first_was_refused_has_its_key(
    store, neighbour, metadata, book
):
    book_id = uuid7()
    refused, accepted = a_book(book_id, name="refused"), a_book(book_id, name="accepted")
    outcomes = await outcomes_of(
        store.append(metadata, [Change(book_id, refused)], [Guard(book.id, book.id, 9)]),
        store.append(metadata, [Change(book_id, accepted)]),
    )
    assert (Conflict, 1) == (type(outcomes[0]), outcomes[1].position)
    assert "accepted" == (await neighbour.load(book_id, Book, book_id)).name


async def test_journal_made_by_two_processes_at_once_is_made_by_one(store, neighbour, metadata):
    for _ in range(20):
        book_id = uuid7()
        books = [a_book(book_id, name=name) for name in ("one", "other")]
        outcomes = await outcomes_of(
            store.append(metadata, [Change(book_id, books[0])]), neighbour.append(metadata, [Change(book_id, books[1])])
        )
        (winner,) = [book.name for book, outcome in zip(books, outcomes, strict=True) if type(outcome) is not Conflict]
        assert [winner, winner] == [(await one.load(book_id, Book, book_id)).name for one in (store, neighbour)]


async def test_command_to_a_journal_that_does_not_exist_fails_alone_and_whole(store, metadata, book):
    claim, lost, neighbouring = EmailClaim(id=uuid7(), user_id=metadata.actor), an_entry(uuid7()), an_entry(uuid7())
    outcomes = await outcomes_of(
        store.append(metadata, [Change(book.id, lost), Change(uuid7(), claim)]),
        store.append(metadata, [Change(book.id, neighbouring)]),
    )
    assert (Conflict, 2) == (type(outcomes[0]), outcomes[1].position)
    assert [book.id, neighbouring.id] == [event.stream_id for event in await everything(store, book.id)]


@pytest.mark.parametrize("with_new_journal", [False, True])
async def test_command_refused_leaves_no_trace(store, metadata, book, owner, with_new_journal):
    before = await traces(owner)
    new = a_book(uuid7())
    changes = [Change(book.id, an_entry(uuid7())), *([Change(new.id, new)] if with_new_journal else [])]
    with pytest.raises(Conflict):
        await store.append(metadata, changes, [Guard(book.id, book.id, 9)])
    assert before == await traces(owner)
    assert await store.load(new.id, Book, new.id) is None


async def test_command_refused_beside_an_accepted_one_leaves_no_trace(store, metadata, book, owner):
    refused, accepted = a_book(uuid7()), a_book(uuid7())
    outcomes = await outcomes_of(
        store.append(metadata, [Change(refused.id, refused)], [Guard(book.id, book.id, 9)]),
        store.append(metadata, [Change(accepted.id, accepted)], [guard_on(book)]),
    )
    assert (Conflict, 1) == (type(outcomes[0]), outcomes[1].position)
    for table in ("journals", "events", "journal_keys"):
        journals = {row["journal_id"] for row in await owner.fetch(f"SELECT journal_id FROM eventstore.{table}")}
        assert {book.id, accepted.id} == journals


async def test_journal_refused_once_can_be_made_later(store, neighbour, metadata, book):
    new = a_book(uuid7())
    with pytest.raises(Conflict):
        await store.append(metadata, [Change(new.id, new)], [Guard(book.id, book.id, 9)])
    await store.append(metadata, [Change(new.id, new)], [guard_on(book)])
    assert new.name == (await neighbour.load(new.id, Book, new.id)).name


async def test_append_of_512_commands_is_one_transaction(store, metadata, book, owner):
    entries = [an_entry(uuid7(), a_posting(number + 1)) for number in range(BATCH_SIZE_MAX)]
    outcomes = await outcomes_of(*(store.append(metadata, [Change(book.id, one)], [guard_on(book)]) for one in entries))
    assert list(range(2, BATCH_SIZE_MAX + 2)) == [outcome.position for outcome in outcomes]
    transactions = "SELECT count(DISTINCT xmin::text) FROM eventstore.events WHERE position > 1"
    assert 1 == await owner.fetchval(transactions)


async def test_command_that_may_write_some_journals_writes_no_other(store, metadata, book, owner):
    limited = replace(metadata, writable=frozenset({book.id}))
    other = await opened(store, metadata)
    before = await traces(owner)
    both = [Change(book.id, an_entry()), Change(other.id, an_entry(uuid7()))]
    with pytest.raises(JournalNotWritable):
        await store.append(limited, both)
    with pytest.raises(JournalNotWritable):
        await store.append_many(limited, other.id, [an_entry()], [])
    assert before == await traces(owner)
    await store.append(limited, both[:1])
    assert before != await traces(owner)


async def test_append_after_close_is_refused(store, metadata, book):
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.append(metadata, [Change(book.id, an_entry(uuid7()))])


async def test_store_with_another_master_key_opens_no_journal(database, metadata, book):
    stranger = EventStore(database, Keyring(MasterKey(bytes(32))))
    with pytest.raises(MasterKeyMismatch):
        await stranger.load(book.id, Book, book.id)
    with pytest.raises(MasterKeyMismatch):
        await stranger.append(metadata, [Change(book.id, an_entry(uuid7()))])


async def test_sealed_text_is_nowhere_in_the_database(store, metadata, book, owner):
    await recorded(store, metadata, book, memo="secret memo", tags=["secret tag"])
    for row in await owner.fetch("SELECT * FROM eventstore.events"):
        assert b"secret" not in row["state"]


async def test_append_names_its_journals_to_those_who_listen(store, metadata, book, service):
    heard = asyncio.Queue()
    await service.add_listener("journals", lambda *notification: heard.put_nowait(notification[-1]))
    other = await opened(store, metadata)
    assert str(other.id) == await asyncio.wait_for(heard.get(), 5)
    changes = [Change(journal.id, an_entry(uuid7())) for journal in (book, other)]
    await store.append(metadata, changes)
    assert {str(book.id), str(other.id)} == set((await asyncio.wait_for(heard.get(), 5)).split(","))
    with pytest.raises(Conflict):
        await store.append(metadata, [Change(book.id, an_entry(uuid7()))], [Guard(book.id, book.id, 9)])
    await recorded(store, metadata, book)
    assert str(book.id) == await asyncio.wait_for(heard.get(), 5)
    assert heard.empty()


@pytest.mark.parametrize(("journals", "told"), [(200, 200), (201, 0)])
async def test_append_to_more_journals_than_fit_says_so_with_an_empty_notice(store, metadata, service, journals, told):
    heard = asyncio.Queue()
    await service.add_listener("journals", lambda *notification: heard.put_nowait(notification[-1]))
    claims = [EmailClaim(id=uuid7(), user_id=metadata.actor) for _ in range(journals)]
    await asyncio.gather(*(store.append(metadata, [Change(claim.id, claim)]) for claim in claims))
    payload = await asyncio.wait_for(heard.get(), 5)
    assert told == len(payload.split(",") if payload else [])
