"""The end of a data key: only of a journal that says it is erased, all at once or not at all, on every process."""

import pytest
from uuid_utils.compat import uuid7

from eventstore.errors import Conflict
from eventstore.keys import OPEN_SECONDS_MAX, Keyring
from eventstore.migrate import destroy_keys_brought_back
from eventstore.store import Change, EventStore
from ledger.book import Book
from tests.conftest import MASTER_KEY
from tests.contract.books import everything

KEYS = "SELECT count(*) FROM eventstore.journal_keys WHERE journal_id = $1"


@pytest.fixture
async def erased(store, metadata, owner):
    """A book of one member who went, and a function that says whether its key is there."""
    member = uuid7()
    book = Book(uuid7(), "비밀", "", "KRW", 0, member, [])
    await store.append(metadata, [Change(book.id, book)])
    assert 1 == await owner.fetchval(KEYS, book.id)
    book.part_with(member)
    return book


async def test_erasure_records_its_event_and_destroys_the_key(store, metadata, owner, erased):
    before = await everything(store, erased.id)
    await store.erase(metadata, [Change(erased.id, erased)])

    assert 0 == await owner.fetchval(KEYS, erased.id)
    after = await store.read(erased.id)
    assert [Book.Opened, Book.Erased] == [type(event.event) for event in after]
    assert (None, "KRW") == (after[0].event.name, after[0].event.currency)
    assert [event.position for event in before] == [event.position for event in after[:-1]]


async def test_erasure_in_conflict_destroys_nothing(store, metadata, owner, book, erased):
    head = await store.find_head(book.id)
    assert 1 == head.position
    other = await store.load(book.id, Book, book.id)
    other.amend("moved", None, None)
    await store.append(metadata, [Change(book.id, other)])

    stale = await store.load(book.id, Book, book.id)
    stale.amend("late", None, None)
    with pytest.raises(Conflict):
        await store.erase(metadata, [Change(erased.id, erased), Change(book.id, stale)], head=head)

    assert 1 == await owner.fetchval(KEYS, erased.id)
    assert 1 == (await store.find_head(erased.id)).position
    assert 2 == (await store.find_head(book.id)).position


async def test_key_of_a_journal_that_is_not_erased_is_destroyed_by_nobody(service, owner, book):
    assert [] == await service.fetch("SELECT eventstore.destroy_keys($1)", [book.id])
    assert 1 == await owner.fetchval(KEYS, book.id)


async def test_other_processes_read_nothing_sealed_from_then_on(store, neighbour, metadata, erased):
    (before,) = await neighbour.read(erased.id)
    assert "비밀" == before.event.name
    await store.erase(metadata, [Change(erased.id, erased)])
    assert [None, None] == [getattr(event.event, "name", None) for event in await neighbour.read(erased.id)]


async def test_other_processes_let_go_of_a_key_in_time_and_seal_nothing_with_it(store, database, metadata, erased):
    clock = [0.0]
    keyring = Keyring(MASTER_KEY, lambda: clock[0])
    elsewhere = EventStore(database, keyring)
    await elsewhere.read(erased.id)
    await store.erase(metadata, [Change(erased.id, erased)])
    assert keyring.find(erased.id) is not None

    clock[0] = OPEN_SECONDS_MAX - 0.1
    await elsewhere.read(erased.id)
    assert keyring.find(erased.id) is not None
    clock[0] = OPEN_SECONDS_MAX
    assert keyring.find(erased.id) is None

    late = await elsewhere.load(erased.id, Book, erased.id)
    late.trigger_event(Book.CategoryAdded, category_id=uuid7(), kind="income", name="늦은")
    with pytest.raises(Conflict):
        await elsewhere.append(metadata, [Change(erased.id, late)])
    await elsewhere.close()


async def test_keys_that_a_backup_brought_back_are_destroyed_again(store, metadata, owner, erased, book):
    wrapped = await owner.fetchval("SELECT wrapped_key FROM eventstore.journal_keys WHERE journal_id = $1", erased.id)
    await store.erase(metadata, [Change(erased.id, erased)])
    await owner.execute("INSERT INTO eventstore.journal_keys VALUES ($1, $2)", erased.id, wrapped)

    assert [erased.id] == await destroy_keys_brought_back(owner)
    assert [0, 1] == [await owner.fetchval(KEYS, journal) for journal in (erased.id, book.id)]
    assert [] == await destroy_keys_brought_back(owner)
