"""Rebuilds around poison: where a new generation stops, what that means beside the live one, and what the swap does."""

from dataclasses import replace
from functools import partial
from unittest.mock import ANY

import pytest

from eventstore.sql import statement
from projections.administration import administering
from projections.engine import Engine
from projections.generations import owning
from projections.migrate import migrate_database
from projections.read_models import READ_MODELS
from projections.rebuild import NewVersionStops, rebuild, resume, verify
from projections.totals import TOTALS
from tests.contract.books import opened, recorded
from tests.contract.test_poison import repaired
from tests.contract.test_rebuild import _die_at, _Killed
from tests.poison import append_unreadable, list_poisoned, poison
from tests.told import a_posting

NOTHING = {"count": 0, "listed": []}


@pytest.fixture
async def tools(settings, dsn):
    async with administering(settings, dsn) as administration:
        yield administration.rebuilding(1, lambda _progress: None)


@pytest.fixture
async def poisoned(store, metadata, owner, keyring, book):
    """A book with one entry, an event that totals cannot take, and one more entry; another book is well."""
    await recorded(store, metadata, book, posting=a_posting(100))
    await poison(owner, keyring, metadata, book.id)
    await recorded(store, metadata, book, posting=a_posting(200))
    await recorded(store, metadata, await opened(store, metadata), posting=a_posting(300))
    return book


@pytest.fixture
async def folded(owner):
    """Folds all journals by an engine."""

    async def fold(engine):
        journals = await owner.fetch("SELECT journal_id FROM eventstore.journals")
        await engine.catch_up([row["journal_id"] for row in journals])

    return fold


async def where_totals_stopped(database):
    return [(each.journal_id, each.position) for each in await list_poisoned(database) if each.read_model == "totals"]


async def spent(owner):
    """What all books spent, as totals have it."""
    return await owner.fetchval("SELECT sum(expense_minor) FROM readmodels.totals WHERE grain = 'day'")


async def test_rebuild_goes_around_what_the_live_one_stopped_at_too_and_is_equal(
    tools, folded, engine, database, owner, poisoned
):
    await folded(engine)
    (since,) = [each.since for each in await list_poisoned(database) if each.read_model == "totals"]
    report = await rebuild(tools, TOTALS)
    assert ("equal", True, 0, NOTHING) == tuple(report[key] for key in ("outcome", "swapped", "differences", "mended"))
    event = {"journal_id": str(poisoned.id), "position": 3, "topic": "entry.amended", "reason": ANY}
    assert {"count": 1, "listed": [event]} == report["poisoned"]
    assert "KeyError at projections.postings" in report["poisoned"]["listed"][0]["reason"]
    assert 400 == await spent(owner)
    assert [since] == [each.since for each in await list_poisoned(database) if each.read_model == "totals"]


async def test_where_a_rebuilt_read_model_stopped_is_tried_again_and_goes_on_exactly(
    tools, folded, engine, database, keyring, owner, poisoned
):
    await folded(engine)
    await rebuild(tools, TOTALS)
    later = repaired(database, keyring)
    await later.retry_stopped()
    await later.catch_up(await later.find_due())
    assert [] == await where_totals_stopped(database)
    assert 600 == await spent(owner)


async def test_event_that_cannot_be_decoded_stops_a_rebuild_where_it_stops_the_live_one(
    tools, folded, engine, store, metadata, database, owner, book
):
    await recorded(store, metadata, book, posting=a_posting(100))
    position = await append_unreadable(owner, metadata, book.id)
    await recorded(store, metadata, book, posting=a_posting(200))
    await folded(engine)
    report = await rebuild(tools, TOTALS)
    assert ("equal", True, 1) == (report["outcome"], report["swapped"], report["poisoned"]["count"])
    assert [(book.id, position)] == await where_totals_stopped(database)
    assert 100 == await spent(owner)


async def test_first_event_of_a_journal_that_cannot_be_decoded_stops_a_rebuild_before_it(
    tools, folded, engine, database, owner, book
):
    await owner.execute("ALTER TABLE eventstore.events DISABLE TRIGGER USER")
    await owner.execute("UPDATE eventstore.events SET topic = 'nothing' WHERE journal_id = $1", book.id)
    await folded(engine)
    report = await rebuild(tools, TOTALS)
    assert ("equal", True, 1) == (report["outcome"], report["swapped"], report["poisoned"]["count"])
    assert [(book.id, 1)] == await where_totals_stopped(database)


@pytest.mark.parametrize("asked", [False, True])
async def test_event_that_the_live_one_took_is_a_difference_and_swapped_only_where_that_is_asked_for(
    asked, tools, folded, database, keyring, owner, poisoned
):
    await folded(repaired(database, keyring))
    report = await rebuild(tools, TOTALS, swap_if_different=asked)
    assert ("different", asked, 1) == (report["outcome"], report["swapped"], report["differences"])
    assert {
        "journal_id": str(poisoned.id),
        "table": "checkpoints",
        "key": {"journal_id": str(poisoned.id), "read_model": "totals"},
        "field": "position",
        "live": 4,
        "rebuilt": 2,
    } == report["listed"][0]
    assert 1 == report["poisoned"]["count"]
    assert (400 if asked else 600) == await spent(owner)
    assert ([(poisoned.id, 3)] if asked else []) == await where_totals_stopped(database)
    assert 0 == await owner.fetchval("SELECT count(*) FROM readmodels.rebuild_poisoned")


async def test_code_that_takes_what_the_live_one_could_not_is_swapped_and_nothing_is_stopped_any_longer(
    tools, folded, database, keyring, owner, book, metadata, store
):
    async def cannot(_transaction, events):
        raise KeyError(len(events))

    await recorded(store, metadata, book, posting=a_posting(100))
    broken = [replace(model, project=cannot) if model is TOTALS else model for model in READ_MODELS]
    await folded(Engine(database, keyring, broken))
    assert [(book.id, 1)] == await where_totals_stopped(database)
    await owner.execute("UPDATE readmodels.poisoned SET retried_at = now() + interval '1 hour'")  # it rests for now
    report = await rebuild(tools, TOTALS)
    assert ("equal", True, NOTHING) == (report["outcome"], report["swapped"], report["poisoned"])
    assert [(str(book.id), 1)] == [(each["journal_id"], each["position"]) for each in report["mended"]["listed"]]
    assert [] == await where_totals_stopped(database)
    assert 100 == await spent(owner)


async def test_verification_tells_where_both_stopped_and_changes_nothing(
    tools, folded, engine, database, owner, poisoned
):
    await folded(engine)
    before = await list_poisoned(database)
    report = await verify(tools, TOTALS)
    assert ("equal", False, 1) == (report["outcome"], report["swapped"], report["poisoned"]["count"])
    assert before == await list_poisoned(database)
    assert 0 == await owner.fetchval("SELECT count(*) FROM readmodels.rebuild_poisoned")


async def test_verification_tells_of_an_event_that_only_the_live_one_took(tools, folded, database, keyring, poisoned):
    await folded(repaired(database, keyring))
    report = await verify(tools, TOTALS)
    assert ("different", 1, "position") == (report["outcome"], report["differences"], report["listed"][0]["field"])


async def test_poison_that_comes_while_a_rebuild_is_compared_stops_both(
    tools, folded, engine, store, metadata, keyring, database, owner, book
):
    await recorded(store, metadata, book, posting=a_posting(100))
    await folded(engine)
    with pytest.raises(_Killed):
        await rebuild(replace(tools, note=partial(_die_at, "swapping")), TOTALS)
    position = await poison(owner, keyring, metadata, book.id)
    await folded(engine)
    report = await rebuild(tools, TOTALS)
    assert ("equal", True, 1) == (report["outcome"], report["swapped"], report["poisoned"]["count"])
    assert [(book.id, position)] == await where_totals_stopped(database)


async def test_rebuild_that_goes_on_tries_again_where_it_stopped(
    tools, folded, database, keyring, owner, metadata, store, book
):
    async def cannot(_transaction, events):
        raise KeyError(len(events))

    await recorded(store, metadata, book, posting=a_posting(100))
    await folded(repaired(database, keyring))
    with pytest.raises(_Killed):
        await rebuild(replace(tools, note=partial(_die_at, "comparing")), TOTALS)
    await recorded(store, metadata, book, posting=a_posting(200))
    with pytest.raises(_Killed):
        await rebuild(replace(tools, note=partial(_die_at, "comparing")), replace(TOTALS, project=cannot))
    assert 1 == await owner.fetchval("SELECT count(*) FROM readmodels.rebuild_poisoned")
    report = await resume(tools, TOTALS)
    assert ("equal", True, NOTHING) == (report["outcome"], report["swapped"], report["poisoned"])
    assert 300 == await spent(owner)


async def test_new_version_that_stops_where_the_old_one_did_is_read_after_migration(
    settings, dsn, folded, engine, database, owner, poisoned
):
    await folded(engine)
    await owner.execute("UPDATE readmodels.read_models SET version = 0 WHERE name = 'totals'")
    assert ["totals"] == await migrate_database(dsn, settings)
    assert [(poisoned.id, 3)] == await where_totals_stopped(database)
    assert 400 == await spent(owner)


async def test_new_version_that_stops_where_the_old_one_did_not_is_refused_until_asked_for(
    tools, settings, dsn, folded, database, keyring, owner, poisoned
):
    await folded(repaired(database, keyring))
    await owner.execute("UPDATE readmodels.read_models SET version = 0 WHERE name = 'totals'")
    with pytest.raises(NewVersionStops):
        await migrate_database(dsn, settings)
    assert 600 == await spent(owner)
    report = await rebuild(tools, TOTALS, swap_if_different=True)
    assert ("different", True, 1) == (report["outcome"], report["swapped"], report["differences"])
    assert [] == await migrate_database(dsn, settings)
    assert [(poisoned.id, 3)] == await where_totals_stopped(database)


@pytest.mark.parametrize(("purpose", "swapped"), [("verify", False), ("rebuild", False), ("replace", True)])
async def test_resumed_run_ends_as_what_it_was_begun(purpose, swapped, tools, folded, engine, owner, book):
    await folded(engine)
    await owner.execute("UPDATE readmodels.books SET currency = 'USD'")
    books = next(model for model in READ_MODELS if model.name == "books")
    runs = {"verify": verify, "rebuild": rebuild, "replace": partial(rebuild, swap_if_different=True)}
    with pytest.raises(_Killed):
        await runs[purpose](replace(tools, note=partial(_die_at, "comparing")), books)
    report = await resume(tools, books)
    assert ("different", swapped) == (report["outcome"], report["swapped"])
    assert ("KRW" if swapped else "USD") == await owner.fetchval("SELECT currency FROM readmodels.books")


async def test_database_of_the_time_before_purposes_is_brought_over(owner, dsn):
    await owner.execute("ALTER TABLE readmodels.rebuilds DROP COLUMN purpose")
    await owner.execute("DROP TABLE readmodels.rebuild_poisoned")
    await migrate_database(dsn)
    async with owning(dsn) as connection:
        await connection.execute(statement("projections", "begin_rebuild"), "totals", 2, 1, [], "verify")
        assert "verify" == await connection.fetchval("SELECT purpose FROM rebuilds")
