"""Catch-up: each event counts exactly once, and no read is stale, with or without a projector."""

import asyncio
import random
from collections import Counter, defaultdict
from datetime import date, timedelta

import pytest
from uuid_utils.compat import uuid7

from auth.user import EmailClaim, User
from eventstore.errors import StoreUnavailable
from eventstore.sql import statement
from eventstore.store import READ_JOURNALS, Change
from ledger.book import Book
from ledger.errors import BookNotFound, EntryNotFound
from ledger.schemas import MEMO_LENGTH_MAX
from projections import engine as engines
from projections.books import get_book, list_books, list_categories, list_members
from projections.denylist import DENYLIST
from projections.engine import BYTES_MAX, EVENTS_MAX, FIRST_JOURNAL, Engine, may_go_on
from projections.entries import get_entry, list_entries
from projections.finding import Filters
from projections.paging import Page
from projections.postings import NONE, Sums
from projections.read_models import READ_MODELS
from projections.totals import fold, get_totals
from projections.wallet import get_wallet
from tests.contract.books import everything, guard_on, opened, recorded
from tests.contract.test_bulk import a_batch, plain
from tests.told import DAY, FOOD, SALARY, STRANGER, a_posting, an_entry

ALL_TIME = (date.min, date.max)
FIRST_PAGE = Page(50, "-occurred_on", None)
TABLES = {
    "books": "journal_id",
    "members": "journal_id, user_id",
    "categories": "journal_id, category_id",
    "entries": "journal_id, entry_id, version",
    "totals": "journal_id, grain, starts_on, category_id, member_id",
    "checkpoints": "journal_id, read_model",
}


async def lived_in(store, metadata, *, entries=60, seed=1):
    """A book with entries recorded, changed, deleted and restored at random."""
    chance = random.Random(seed)
    book = await opened(store, metadata)
    for _ in range(entries):
        entry = an_entry(uuid7(), random_posting(chance))
        for _ in range(chance.randrange(4)):
            change_something(entry, chance)
        await store.append(metadata, [Change(book.id, entry)], [guard_on(book)])
    return book


def random_posting(chance):
    day = DAY - timedelta(days=chance.randrange(400))
    category_id = chance.choice([None, FOOD.category_id, SALARY.category_id])
    return a_posting(
        chance.randint(1, 10**6), kind=chance.choice(["income", "expense"]), occurred_on=day, category_id=category_id
    )


def change_something(entry, chance):
    if entry.deleted:
        entry.restore()
    elif chance.random() < 0.3:
        entry.delete()
    else:
        entry.amend(random_posting(chance), chance.choice(["", "memo"]), [])


async def rows_of(owner):
    return {
        table: await owner.fetch(f"SELECT * FROM readmodels.{table} ORDER BY {key}") for table, key in TABLES.items()
    }


async def totals_in(owner):
    rows = await owner.fetch("SELECT * FROM readmodels.totals WHERE entry_count <> 0")
    return {
        tuple(row.values())[:5]: Sums(
            int(row["income_minor"]), int(row["expense_minor"]), int(row["transferred_minor"]), row["entry_count"]
        )
        for row in rows
    }


def folded(*journals):
    """The rows of totals as they should be: what each day comes to, and each month and year."""
    grains = defaultdict(Sums)
    for journal_id, day, *of in (days := {key: sums for events in journals for key, sums in fold(events).items()}):
        sums, month = days[journal_id, day, *of], day.replace(day=1)
        spans = [("day", day, *of), ("month", month, *of), ("year", month.replace(month=1), *of)]
        for span in [*spans, ("whole_month", month, NONE, NONE)]:
            for name, value in vars(sums).items():
                setattr(grains[journal_id, *span], name, getattr(grains[journal_id, *span], name) + value)
    return {key: sums for key, sums in grains.items() if sums.entry_count}


async def test_totals_caught_up_step_by_step_are_those_of_one_fold_of_all_events(store, engine, metadata, owner):
    book = await lived_in(store, metadata, entries=20)
    chance, entries = random.Random(2), []
    for _ in range(20):
        entries.append(await recorded(store, metadata, book, posting=random_posting(chance)))
        entry = chance.choice(entries)
        change_something(entry, chance)
        await store.append(metadata, [Change(book.id, entry)])
        await engine.catch_up([book.id])
    events = await everything(store, book.id)
    assert folded(events) == await totals_in(owner)
    days = fold(events).values()
    row = await owner.fetchrow("SELECT income_minor, expense_minor, entry_count FROM readmodels.books")
    expected = (
        sum(one.income_minor for one in days),
        sum(one.expense_minor for one in days),
        sum(one.entry_count for one in days),
    )
    assert expected == tuple(row)


async def test_catch_up_of_the_same_journals_by_many_at_once_counts_each_event_once(
    store, engine, metadata, owner, database, keyring
):
    books = [await lived_in(store, metadata, entries=30, seed=number) for number in range(4)]
    ids = [book.id for book in books]
    others = [Engine(database, keyring, READ_MODELS) for _ in range(7)]

    async def keep_writing():
        for number in range(40):
            await recorded(store, metadata, books[number % 4], posting=a_posting(number + 1))

    async def keep_reading(one):
        for _ in range(10):
            await one.catch_up(random.sample(ids, len(ids)))

    await asyncio.gather(keep_writing(), *(keep_reading(one) for one in [engine, *others]))
    await engine.catch_up(ids)
    journals = [await everything(store, book_id) for book_id in ids]
    assert folded(*journals) == await totals_in(owner)
    before = await rows_of(owner)
    await asyncio.gather(*(one.catch_up(ids) for one in [engine, *others]))
    assert before == await rows_of(owner)


async def test_catch_up_of_more_events_than_fit_goes_on_to_the_end(store, engine, metadata, owner, monkeypatch):
    monkeypatch.setattr(engines, "EVENTS_MAX", 7)
    books = [await lived_in(store, metadata, entries=15, seed=number) for number in range(3)]
    await engine.catch_up([book.id for book in books])
    journals = [await everything(store, book.id) for book in books]
    assert folded(*journals) == await totals_in(owner)
    heads = await owner.fetch(
        "SELECT DISTINCT c.position - j.position AS behind FROM readmodels.checkpoints c"
        " JOIN eventstore.journals j USING (journal_id)"
    )
    assert [0] == [row["behind"] for row in heads]


async def test_catch_up_of_events_that_just_fit_stops(store, engine, metadata, owner, monkeypatch):
    book = await opened(store, metadata)
    await recorded(store, metadata, book)
    monkeypatch.setattr(engines, "EVENTS_MAX", 2)
    await engine.catch_up([book.id])
    assert 1 == await owner.fetchval("SELECT entry_count FROM readmodels.books")


async def test_catch_up_of_the_longest_memos_is_done_in_steps_of_bounded_size(store, engine, metadata, service):
    book = await opened(store, metadata)
    entries = [plain(uuid7(), memo="가" * MEMO_LENGTH_MAX) for _ in range(60)]
    await store.append_many(metadata, book.id, [a_batch()], entries, [])

    rows = await service.fetch(READ_JOURNALS, [book.id], [0], EVENTS_MAX, BYTES_MAX)
    assert BYTES_MAX <= sum(len(row["state"]) for row in rows) < BYTES_MAX + max(len(row["state"]) for row in rows)
    assert may_go_on(rows)
    await engine.catch_up([book.id])
    assert len(entries) == (await get_book(engine, metadata.actor, book.id))["entry_count"]


async def test_denial_that_is_over_is_folded_and_told_to_nobody(service):
    """A rebuild of the denylist folds every sign-out that there ever was."""
    save, ended, live = statement("projections", "save_denials"), uuid7(), uuid7()
    now, hour = await service.fetchval("SELECT now()"), timedelta(hours=1)
    told = await service.fetch(save, [uuid7()] * 2, [ended, live], [now - hour, now + hour])
    assert 1 == len(told)
    assert {ended, live} == {row["stream_id"] for row in await service.fetch("SELECT stream_id FROM denylist")}


async def test_catch_up_of_a_book_larger_than_one_transaction_is_exact(store, engine, metadata, owner):
    book = await opened(store, metadata)
    for _ in range(6):
        entries = [Change(book.id, an_entry(uuid7(), memo="", tags=[])) for _ in range(1000)]
        await store.append(metadata, entries, [guard_on(book)])
    assert engines.EVENTS_MAX < 6001
    shown = await get_book(engine, metadata.actor, book.id)
    assert (6000, str(6000 * 12_000)) == (shown["entry_count"], shown["expense"])


async def test_read_model_made_anew_leaves_those_ahead_of_it_exact(store, engine, metadata, owner, monkeypatch):
    book = await lived_in(store, metadata)
    await engine.catch_up([book.id])
    before = await rows_of(owner)
    await owner.execute("DELETE FROM readmodels.totals")
    await owner.execute("DELETE FROM readmodels.checkpoints WHERE read_model = 'totals'")
    monkeypatch.setattr(engines, "EVENTS_MAX", 10)
    await engine.catch_up([book.id])
    assert before == await rows_of(owner)


async def test_read_model_that_this_code_does_not_know_is_left_to_the_code_that_does(store, engine, metadata, owner):
    await owner.execute("INSERT INTO readmodels.read_models (name, kind, version) VALUES ('later', 'book', 1)")
    book = await opened(store, metadata)
    await engine.catch_up([book.id])
    await recorded(store, metadata, book)
    assert 1 == (await get_book(engine, metadata.actor, book.id))["entry_count"]
    positions = await owner.fetch(
        "SELECT DISTINCT read_model = 'later', position FROM readmodels.checkpoints ORDER BY 1"
    )
    assert [(False, 2), (True, 0)] == [tuple(row) for row in positions]


async def test_catch_up_that_fails_half_way_leaves_no_trace(store, engine, metadata, owner, database, keyring):
    book = await lived_in(store, metadata)

    async def fail(_transaction, _events):
        raise StoreUnavailable

    broken = [*READ_MODELS[:-1], engines.ReadModel("denylist", "book", DENYLIST.version, (), fail)]
    await owner.execute("INSERT INTO readmodels.checkpoints VALUES ($1, 'denylist', 0)", book.id)
    with pytest.raises(StoreUnavailable):
        await Engine(database, keyring, broken).catch_up([book.id])
    assert 0 == await owner.fetchval("SELECT max(position) FROM readmodels.checkpoints")
    assert 0 == await owner.fetchval("SELECT count(*) FROM readmodels.entries")
    await engine.catch_up([book.id])
    assert folded(await everything(store, book.id)) == await totals_in(owner)


async def test_read_right_after_an_append_is_never_stale(store, engine, metadata, book):
    user, page = metadata.actor, FIRST_PAGE
    assert 0 == (await get_book(engine, user, book.id))["entry_count"]
    for number in range(1, 4):
        entry = await recorded(store, metadata, book, posting=a_posting(100))
        match number:
            case 1:
                assert entry.id == str_id(await get_entry(engine, user, book.id, entry.id, deleted=False))
            case 2:
                assert 2 == len((await list_entries(engine, user, book.id, Filters(), page))["items"])
            case 3:
                assert "-300" == (await get_totals(engine, user, book.id, *ALL_TIME, None))["balance"]
        assert number == (await get_book(engine, user, book.id))["entry_count"]


def str_id(view):
    """Ids are shown as text or as UUIDs, which JSON does not tell apart."""
    return type(FIRST_JOURNAL)(str(view["id"]))


async def test_list_of_members_knows_who_has_just_signed_up_and_joined(store, engine, metadata, book):
    """The journal of somebody who joined is behind too, which only shows once the book's is not."""
    me = User(metadata.actor, "mina@example.com", "미나", None, None, "hash")
    await store.append(metadata, [Change(me.id, me)])
    await list_members(engine, metadata.actor, book.id)
    friend = User(uuid7(), "jun@example.com", "준", None, None, "hash")
    book.join(friend.id, "viewer", uuid7())
    await store.append(metadata, [Change(friend.id, friend), Change(book.id, book)])

    members = (await list_members(engine, metadata.actor, book.id))["items"]
    assert [("미나", me.email, "owner"), ("준", friend.email, "viewer")] == [
        (member["name"], member["email"], member["role"]) for member in members
    ]


async def test_reads_of_many_books_are_never_stale(store, engine, metadata):
    page = Page(50, "books", None)
    book = await opened(store, metadata, opening_balance_minor=1_000)
    await engine.catch_up([book.id])
    await recorded(store, metadata, book, posting=a_posting(300))
    (wallet,) = (await get_wallet(engine, metadata.actor))["wallets"]
    assert "700" == wallet["balance"]
    book.add_category(uuid7(), "expense", "Rent")
    book.amend("House", None, None)
    await store.append(metadata, [Change(book.id, book)])
    (shown,) = (await list_books(engine, metadata.actor, page, deleted=False))["items"]
    assert "House" == shown["name"]
    categories = await list_categories(engine, metadata.actor, book.id, Page(50, "categories", None), deleted=False)
    assert {"Food", "Salary", "Rent"} == {one["name"] for one in categories["items"]}


async def test_read_of_what_is_not_there_or_not_yours_finds_nothing(store, engine, metadata, book):
    for user, book_id in ((STRANGER, book.id), (metadata.actor, uuid7()), (None, book.id)):
        for read in (
            get_book(engine, user, book_id),
            get_entry(engine, user, book_id, uuid7(), deleted=None),
            list_entries(engine, user, book_id, Filters(), FIRST_PAGE),
            get_totals(engine, user, book_id, *ALL_TIME, None),
            list_categories(engine, user, book_id, Page(50, "categories", None), deleted=None),
        ):
            with pytest.raises(BookNotFound):
                await read
    with pytest.raises(EntryNotFound):
        await get_entry(engine, metadata.actor, book.id, uuid7(), deleted=None)


async def test_catch_up_of_journals_that_nothing_reads_ends(store, engine, metadata, owner):
    claim = EmailClaim(id=uuid7(), user_id=metadata.actor)
    await store.append(metadata, [Change(claim.id, claim)])
    await engine.catch_up([claim.id, uuid7()])
    await engine.catch_up([])
    assert 0 == await owner.fetchval("SELECT count(*) FROM readmodels.checkpoints")


async def test_find_stale_goes_through_all_journals_page_by_page(store, engine, metadata):
    books = sorted([(await opened(store, metadata)).id for _ in range(7)])
    claim = EmailClaim(id=uuid7(), user_id=metadata.actor)
    await store.append(metadata, [Change(claim.id, claim)])
    await engine.catch_up(books[::2])
    found, pages, after = [], 0, FIRST_JOURNAL
    while after is not None:
        stale, after = await engine.find_stale(after, 3)
        found, pages = found + stale, pages + 1
    assert books[1::2] == found
    assert 4 == pages  # three of them full or nearly so, and one that finds the end


async def test_find_stale_of_an_empty_store_is_at_its_end(engine):
    assert ([], None) == await engine.find_stale(FIRST_JOURNAL, 10)


@pytest.mark.parametrize("day", [date.min, date(1, 1, 31), date(9999, 12, 1), date(9999, 12, 30), date.max, DAY])
async def test_totals_count_the_first_and_last_days_there_are_once(store, engine, metadata, book, day):
    await recorded(store, metadata, book, posting=a_posting(5, occurred_on=day))
    for bounds in (ALL_TIME, (day, day), (date.min, day), (day, date.max)):
        for group_by in (None, "day", "month", "category"):
            totals = await get_totals(engine, metadata.actor, book.id, *bounds, group_by)
            assert ("5", "-5") == (totals["expense"], totals["balance"])
            keys = {"day": [day.isoformat()], "month": [day.isoformat()[:7]], "category": [str(FOOD.category_id)]}
            assert keys.get(group_by, []) == [group["key"] for group in totals["groups"]]


@pytest.mark.parametrize("bound", [date(9999, 11, 30), date(9999, 12, 1), date(9999, 12, 30), DAY])
async def test_balance_leaves_out_what_is_dated_after_the_range(store, engine, metadata, book, bound):
    await recorded(store, metadata, book, posting=a_posting(5, occurred_on=date.max))
    totals = await get_totals(engine, metadata.actor, book.id, date.min, bound, None)
    assert ("0", "0") == (totals["expense"], totals["balance"])


async def test_totals_of_any_range_are_the_sum_of_its_entries(store, engine, metadata):
    book = await lived_in(store, metadata, entries=150)
    by_day = Counter()
    for (_, day, *_), sums in fold(await everything(store, book.id)).items():
        by_day[day] += sums.income_minor - sums.expense_minor
    chance = random.Random(3)
    for _ in range(40):
        first, last = sorted(DAY - timedelta(days=chance.randrange(420)) for _ in range(2))
        totals = await get_totals(
            engine, metadata.actor, book.id, first, last, chance.choice([None, "month", "category"])
        )
        assert str(sum(net for day, net in by_day.items() if first <= day <= last)) == totals["total"]
        assert str(sum(net for day, net in by_day.items() if day <= last)) == totals["balance"]


async def test_book_is_folded_from_the_middle_where_it_was_left(store, engine, metadata, owner):
    book = await lived_in(store, metadata, entries=10)
    await engine.catch_up([book.id])
    later = await store.load(book.id, Book, book.id)
    later.delete_category(FOOD.category_id)
    later.delete()
    await store.append(metadata, [Change(book.id, later)])
    shown = await get_book(engine, metadata.actor, book.id)
    assert (True, 3) == (shown["deleted"], shown["version"])
    deleted = await owner.fetchval("SELECT deleted FROM readmodels.categories WHERE category_id = $1", FOOD.category_id)
    assert deleted
