"""Poison: what a read model cannot take stops it in that journal alone, is told, and is tried again."""

import re
from dataclasses import replace
from datetime import date
from unittest.mock import ANY

import pytest
import structlog
from uuid_utils.compat import uuid7

from eventstore.database import open_database
from eventstore.processes import running
from eventstore.sql import statement
from eventstore.store import Change
from ledger.entry import Entry
from projections import engine as engines
from projections.books import get_book, list_members
from projections.engine import FIRST_JOURNAL, Engine
from projections.entries import ENTRIES, get_entry, list_entries
from projections.finding import Filters
from projections.moments import Moment
from projections.paging import Page
from projections.past_books import get_book_at, get_wallet_at
from projections.poison import ProjectionStopped, count_poisoned
from projections.projector import Projector
from projections.read_models import READ_MODELS
from projections.spending import SPENDING
from projections.statements import STATEMENTS
from projections.totals import TOTALS, get_totals
from projections.wallet import get_wallet
from tests.contract.books import opened, recorded
from tests.fault.until import until
from tests.poison import MEMO, Poisoned, append_unreadable, list_poisoned, poison
from tests.told import STRANGER, a_posting, an_entry

ALL_TIME = (date.min, date.max, None)
PAGE = Page(50, "-occurred_on", None)
OF_BOOKS = {"books", "entries", "totals", "statements", "spending", "shares"}
STOPPED = ("entries", "spending", "totals")


@pytest.fixture
async def poisoned(store, engine, metadata, owner, keyring, book):
    """A book with one entry, an event that entries and totals cannot take, and one more entry."""
    await recorded(store, metadata, book, posting=a_posting(100))
    await poison(owner, keyring, metadata, book.id)
    await recorded(store, metadata, book, posting=a_posting(200))
    return book


def repaired(database, keyring):
    """An engine of a later version, whose folds pass over what is amended but was never recorded."""

    def sparing(project):
        async def spare(transaction, events):
            begun = {event.stream_id for event in events if event.version == 1}
            taken = [e for e in events if e.stream_id in begun or not isinstance(e.event, Entry.Amended)]
            await project(transaction, taken)

        return spare

    folds = {model: sparing(model.project) for model in (ENTRIES, SPENDING, STATEMENTS, TOTALS)}
    return Engine(database, keyring, [replace(model, project=folds.get(model, model.project)) for model in READ_MODELS])


async def positions(owner, journal_id):
    rows = await owner.fetch(
        "SELECT read_model, position FROM readmodels.checkpoints WHERE journal_id = $1", journal_id
    )
    return {row["read_model"]: row["position"] for row in rows}


async def rest_over(owner):
    """As if time had passed."""
    await owner.execute("UPDATE readmodels.poisoned SET retried_at = retried_at - interval '1 hour'")


async def test_event_that_cannot_be_folded_stops_those_read_models_before_it_and_no_other(
    engine, database, owner, poisoned
):
    await engine.catch_up([poisoned.id])
    assert dict.fromkeys(OF_BOOKS, 4) | dict.fromkeys(STOPPED, 2) == await positions(owner, poisoned.id)
    expected = [
        Poisoned(poisoned.id, name, 3, "entry.amended", ANY, ANY, attempts=1, retried_at=ANY) for name in STOPPED
    ]
    assert expected == await list_poisoned(database)
    assert len(STOPPED) == await count_poisoned(database)


async def test_reason_names_kind_and_place_and_no_personal_text(engine, database, poisoned):
    with structlog.testing.capture_logs() as logs:
        await engine.catch_up([poisoned.id])
    places = {"entries": "entries:N:fold", "spending": "postings:N:authored", "totals": "postings:N:authored"}
    reasons = {name: f"KeyError at projections.{place}" for name, place in places.items()}
    assert reasons == {e.read_model: re.sub(r"\d+", "N", e.reason) for e in await list_poisoned(database)}
    assert [("error", name, 3) for name in STOPPED] == [
        (line["log_level"], line["read_model"], line["position"]) for line in logs
    ]
    assert MEMO not in str(logs)


async def test_reason_of_an_error_that_quotes_a_memo_does_not(engine, database, keyring, poisoned):
    async def quote(_transaction, events):
        raise ValueError(*(event.event.memo for event in events if isinstance(event.event, Entry.Amended)))

    with structlog.testing.capture_logs() as logs:
        await Engine(database, keyring, [replace(ENTRIES, project=quote)]).catch_up([poisoned.id])
    assert "ValueError at projections." in logs[0]["reason"]
    assert MEMO not in str(logs)
    assert MEMO not in str(await list_poisoned(database))


async def test_event_that_cannot_be_decoded_stops_every_read_model_of_its_journal(
    store, engine, database, metadata, owner, book
):
    await engine.catch_up([book.id])
    await recorded(store, metadata, book)
    position = await append_unreadable(owner, metadata, book.id)
    await engine.catch_up([book.id])
    assert dict.fromkeys(OF_BOOKS, position - 1) == await positions(owner, book.id)
    found = await list_poisoned(database)
    assert {(name, 3, "entry.forged") for name in OF_BOOKS} == {(e.read_model, e.position, e.topic) for e in found}


async def test_other_journals_of_the_same_batch_go_on(store, engine, metadata, owner, keyring, poisoned, monkeypatch):
    books = [await opened(store, metadata) for _ in range(5)]
    for other in books:
        await recorded(store, metadata, other, posting=a_posting(300))
    monkeypatch.setattr(engines, "EVENTS_MAX", 4)
    await engine.catch_up([poisoned.id, *(other.id for other in books)])
    for other in books:
        assert dict.fromkeys(OF_BOOKS, 2) == await positions(owner, other.id)
        assert "-300" == (await get_totals(engine, metadata.actor, other.id, *ALL_TIME))["balance"]


async def test_poison_far_into_a_long_journal_is_found_and_all_before_it_is_folded_once(
    store, engine, metadata, owner, keyring, book, monkeypatch
):
    async def record(count):
        changes = [Change(book.id, an_entry(uuid7(), posting=a_posting(10))) for _ in range(count)]
        await store.append(metadata, changes)

    await record(333)
    position = await poison(owner, keyring, metadata, book.id)
    await record(50)
    await engine.catch_up([book.id])
    found = await positions(owner, book.id)
    assert {position - 1} == {found[name] for name in STOPPED}
    assert 333 == await owner.fetchval("SELECT count(*) FROM readmodels.entries")
    assert 333 == await owner.fetchval("SELECT sum(entry_count) FROM readmodels.totals WHERE grain = 'day'")


async def test_read_that_needs_a_stopped_read_model_says_so_and_others_answer(engine, metadata, poisoned):
    user = metadata.actor
    for read in (
        get_entry(engine, user, poisoned.id, uuid7(), deleted=None),
        list_entries(engine, user, poisoned.id, Filters(), PAGE),
        get_totals(engine, user, poisoned.id, *ALL_TIME[:2], "day"),
        get_book_at(engine, user, poisoned.id, Moment(3)),
        get_wallet_at(engine, user, poisoned.modified_on),
    ):
        with pytest.raises(ProjectionStopped):
            await read
    assert 2 == (await get_book(engine, user, poisoned.id))["entry_count"]
    assert 1 == len((await get_wallet(engine, user))["wallets"])
    assert 1 == len((await list_members(engine, user, poisoned.id))["items"])


async def test_lists_over_books_one_of_which_cannot_be_told_say_so_for_its_members_alone(
    store, engine, metadata, owner, book
):
    other = replace(metadata, actor=STRANGER)
    theirs = await opened(store, other)
    await engine.catch_up([book.id, theirs.id])
    await append_unreadable(owner, metadata, book.id)
    with pytest.raises(ProjectionStopped):
        await get_wallet(engine, metadata.actor)
    (wallet,) = (await get_wallet(engine, STRANGER))["wallets"]
    assert [str(theirs.id)] == [str(each["book_id"]) for each in wallet["books"]]


async def test_stopped_read_model_rests_and_is_tried_again_ever_more_rarely(engine, database, owner, poisoned):
    for attempts in (1, 2, 3):
        for _ in range(3):
            await engine.catch_up([poisoned.id])
        assert {attempts} == {each.attempts for each in await list_poisoned(database)}
        assert [] == await engine.find_due()
        await owner.execute(
            "UPDATE readmodels.poisoned SET retried_at = now() - interval '1 second' * (2 ^ attempts - 2)"
        )
        assert [] == await engine.find_due()
        await rest_over(owner)
        assert [poisoned.id] == await engine.find_due()


async def test_new_process_tries_at_once_what_stopped_and_code_that_takes_it_goes_on_exactly(
    store, engine, database, keyring, metadata, owner, poisoned
):
    await engine.catch_up([poisoned.id])
    later = repaired(database, keyring)
    with pytest.raises(ProjectionStopped):
        await list_entries(later, metadata.actor, poisoned.id, Filters(), PAGE)
    await later.retry_stopped()
    assert [poisoned.id] == await later.find_due()
    await later.catch_up(await later.find_due())
    assert [] == await list_poisoned(database)
    assert dict.fromkeys(OF_BOOKS, 4) == await positions(owner, poisoned.id)
    shown = (await list_entries(later, metadata.actor, poisoned.id, Filters(), PAGE))["items"]
    assert ["200", "100"] == [entry["amount"] for entry in sorted(shown, key=lambda entry: entry["created_at"])][::-1]


async def test_rebuilt_read_model_forgets_where_the_old_one_stopped(owner, database, engine, poisoned):
    await engine.catch_up([poisoned.id])
    await owner.execute("SET search_path = readmodels, eventstore")
    await owner.execute(statement("projections", "finish_swap"), ENTRIES.name, 2, ENTRIES.version)
    assert ["spending", "totals"] == [each.read_model for each in await list_poisoned(database)]


async def test_tables_of_another_version_are_nobodys_poison(engine, database, owner, poisoned):
    await owner.execute("ALTER TABLE readmodels.shares RENAME COLUMN entry_id TO other_id")
    await owner.execute("ALTER TABLE readmodels.books RENAME COLUMN deleted TO ended")
    with pytest.raises(Exception, match="deleted"):
        await engine.catch_up([poisoned.id])
    assert [] == await list_poisoned(database)


async def test_those_in_the_background_leave_to_others_what_others_have_locked(
    store, engine, dsn, metadata, owner, book, keyring
):
    free = await opened(store, metadata)
    await engine.catch_up([book.id, free.id])
    for each in (book, free):
        await recorded(store, metadata, each)
    async with owner.transaction():
        await owner.execute("SELECT FROM readmodels.checkpoints WHERE journal_id = $1 FOR UPDATE", book.id)
        async with open_database(dsn, 1) as another:
            held = await Engine(another, keyring, READ_MODELS).work_off([book.id, free.id])
        assert {book.id} == held
        assert dict.fromkeys(OF_BOOKS, 2) == await positions(owner, free.id)
        assert dict.fromkeys(OF_BOOKS, 1) == await positions(owner, book.id)
    assert set() == await engine.work_off([book.id, free.id])
    assert dict.fromkeys(OF_BOOKS, 2) == await positions(owner, book.id)


async def test_projector_goes_on_around_poison_and_looks_again_at_what_others_held(
    store, engine, dsn, metadata, owner, keyring, poisoned
):
    other = await opened(store, metadata)
    async with running(Projector(engine).run(dsn)):
        await until(lambda: count_is(owner, len(STOPPED), "SELECT count(*) FROM readmodels.poisoned"))
        async with owner.transaction():
            await owner.execute("SELECT FROM readmodels.checkpoints WHERE journal_id = $1 FOR UPDATE", other.id)
            await recorded(store, metadata, other)
            await recorded(store, metadata, poisoned)
            await until(lambda: at_head(owner, poisoned.id, ("books", "shares")))
        await until(lambda: at_head(owner, other.id, OF_BOOKS))
    assert other.id not in (await engine.find_stale(FIRST_JOURNAL, 10))[0]


async def test_projector_finishes_what_stopped_once_its_rest_is_over(store, database, dsn, owner, keyring, poisoned):
    await Engine(database, keyring, READ_MODELS).catch_up([poisoned.id])
    async with running(Projector(repaired(database, keyring)).run(dsn)):
        await until(lambda: count_is(owner, 0, "SELECT count(*) FROM readmodels.poisoned"))
    assert dict.fromkeys(OF_BOOKS, 4) == await positions(owner, poisoned.id)


async def count_is(owner, count, sql):
    return count == await owner.fetchval(sql)


async def at_head(owner, journal_id, names):
    head = await owner.fetchval("SELECT position FROM eventstore.journals WHERE journal_id = $1", journal_id)
    found = await positions(owner, journal_id)
    return all(found.get(name) == head for name in names)
