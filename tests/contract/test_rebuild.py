"""Rebuilding read models while they are read: proved equal, swapped in one moment, or left as they are."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import date
from functools import partial
from itertools import groupby

import pytest

from eventstore.errors import SchemaOutdated
from projections.administration import administering
from projections.books import get_book
from projections.engine import Engine
from projections.generations import owning
from projections.migrate import migrate_database
from projections.poison import ProjectionStopped
from projections.read_models import READ_MODELS
from projections.rebuild import (
    RebuildCancelled,
    RebuildFailed,
    RebuildRunning,
    discard,
    each,
    is_running,
    rebuild,
    verify,
    want,
)
from projections.schema import create_read_models, find_outdated
from projections.totals import get_totals
from service import open_app
from tests.contract.books import recorded
from tests.contract.test_engine import lived_in, rows_of
from tests.fault.until import until

MODELS = {model.name: model for model in READ_MODELS}
ENTRIES, TOTALS, BOOKS = MODELS["entries"], MODELS["totals"], MODELS["books"]


@pytest.fixture
async def administration(settings, dsn):
    async with administering(settings, dsn) as admin:
        yield admin


@pytest.fixture
async def administrator(dsn):
    async with owning(dsn) as connection:
        yield connection


@pytest.fixture
def heard():
    return []


@pytest.fixture
def tools(administration, heard):
    return administration.rebuilding(1, heard.append)


@pytest.fixture
async def books(store, engine, metadata):
    books = [await lived_in(store, metadata, entries=20, seed=number) for number in range(3)]
    await engine.catch_up([book.id for book in books])
    return books


async def without_generation(owner):
    rows = await rows_of(owner)
    del rows["checkpoints"]
    return rows


async def schemas(owner):
    rows = await owner.fetch("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'generation%' ORDER BY 1")
    return [row["nspname"] for row in rows]


async def generation_of(owner, name):
    return await owner.fetchval("SELECT generation FROM readmodels.read_models WHERE name = $1", name)


@pytest.mark.parametrize("name", MODELS)
async def test_rebuilt_read_model_is_equal_and_read_and_the_old_one_is_kept(name, tools, books, owner):
    before, indexes = await without_generation(owner), await indexes_of(owner)
    report = await rebuild(tools, MODELS[name])
    assert ("equal", True, 0) == (report["outcome"], report["swapped"], report["differences"])
    assert before == await without_generation(owner)
    assert indexes == await indexes_of(owner)
    assert [f"generation_{name}_1"] == await schemas(owner)
    assert 2 == await generation_of(owner, name)


async def indexes_of(owner):
    return await owner.fetch("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'readmodels' ORDER BY 1")


async def test_rebuilt_read_model_goes_on_with_its_journals(tools, books, store, engine, metadata, owner):
    await rebuild(tools, BOOKS)
    await recorded(store, metadata, books[0])
    shown = await get_book(engine, metadata.actor, books[0].id)
    assert shown["entry_count"] == 1 + await owner.fetchval(
        "SELECT entry_count FROM generation_books_1.books WHERE journal_id = $1", books[0].id
    )
    assert "equal" == (await verify(tools, BOOKS))["outcome"]


async def test_tampered_row_is_reported_by_journal_table_field_and_values_and_not_swapped(tools, books, owner):
    book_id = books[1].id
    name = await owner.fetchval("UPDATE readmodels.books SET name = 'x' WHERE journal_id = $1 RETURNING name", book_id)
    report = await rebuild(tools, BOOKS)
    assert ("different", False, 1) == (report["outcome"], report["swapped"], report["differences"])
    (listed,) = report["listed"]
    assert (str(book_id), "books", "name", "x") == tuple(
        listed[key] for key in ("journal_id", "table", "field", "live")
    )
    assert name != listed["rebuilt"]
    assert 1 == await generation_of(owner, "books")
    assert [] == await schemas(owner)


async def test_rows_that_only_one_side_has_are_reported_whole(tools, books, owner):
    await owner.execute("DELETE FROM readmodels.members WHERE journal_id = $1", books[0].id)
    (listed,) = (await verify(tools, BOOKS))["listed"]
    assert ("members", None, None) == (listed["table"], listed["field"], listed["live"])
    assert "owner" == listed["rebuilt"]["role"]


async def test_many_differences_are_counted_in_full_and_listed_in_part(tools, books, owner):
    await owner.execute("UPDATE readmodels.entries SET memo = 'x', kind = 'y'")
    report = await verify(tools, ENTRIES)
    assert 2 * await owner.fetchval("SELECT count(*) FROM readmodels.entries") == report["differences"]
    assert 100 == len(report["listed"])


async def test_different_rows_are_swapped_where_that_is_asked_for(tools, books, owner):
    before = await without_generation(owner)
    await owner.execute("UPDATE readmodels.totals SET entry_count = entry_count + 1")
    report = await rebuild(tools, TOTALS, swap_if_different=True)
    assert ("different", True) == (report["outcome"], report["swapped"])
    assert before == await without_generation(owner)


async def test_verification_leaves_what_is_read_as_it_is_and_nothing_behind(tools, books, owner):
    before = await rows_of(owner)
    assert "equal" == (await verify(tools, ENTRIES))["outcome"]
    assert before == await rows_of(owner)
    assert [] == await schemas(owner)


async def test_second_rebuild_of_a_read_model_is_refused_and_of_another_is_not(tools, books, heard):
    first = asyncio.create_task(rebuild(tools, ENTRIES))
    await until(lambda: heard)
    with pytest.raises(RebuildRunning):
        await rebuild(tools, ENTRIES)
    assert "equal" == (await verify(tools, TOTALS))["outcome"]
    assert "equal" == (await first)["outcome"]


async def test_rebuild_under_writes_is_equal_and_loses_nothing(tools, books, store, engine, metadata, owner):
    done = asyncio.Event()

    async def keep_writing():
        while not done.is_set():
            for book in books:
                await recorded(store, metadata, book)
                await engine.catch_up([book.id])

    writing = asyncio.create_task(keep_writing())
    try:
        reports = [await rebuild(tools, model) for model in (ENTRIES, TOTALS, BOOKS)]
    finally:
        done.set()
        await writing
    assert [("equal", True)] * 3 == [(report["outcome"], report["swapped"]) for report in reports]
    assert "equal" == (await verify(tools, TOTALS))["outcome"]


@pytest.mark.parametrize("state", ["filling", "catching up", "indexing", "comparing", "swapping"])
async def test_rebuild_that_ended_in_any_phase_goes_on_where_it_was(state, tools, books, owner, store, metadata):
    with pytest.raises(_Killed):
        await rebuild(replace(tools, note=partial(_die_at, state)), ENTRIES)
    (left,) = await schemas(owner)
    await recorded(store, metadata, books[0])
    report = await rebuild(tools, ENTRIES)
    assert ("equal", True, 2) == (report["outcome"], report["swapped"], report["generation"])
    assert "generation_entries_2" == left
    assert ["generation_entries_1"] == await schemas(owner)


class _Killed(BaseException):
    pass


def _die_at(state, progress):
    if progress.state == state:
        raise _Killed


async def test_rebuild_left_by_another_version_of_the_code_is_begun_anew(tools, books, owner):
    with pytest.raises(_Killed):
        await rebuild(replace(tools, note=partial(_die_at, "comparing")), TOTALS)
    await owner.execute("UPDATE readmodels.rebuilds SET version = 0")
    assert 3 == (await rebuild(tools, TOTALS))["generation"]
    assert ["generation_totals_1"] == await schemas(owner)


async def test_paused_rebuild_waits_and_goes_on(tools, books, owner, administrator, heard):
    running = asyncio.create_task(rebuild(tools, TOTALS))
    await until(lambda: heard)
    assert await want(administrator, TOTALS, "pause")
    await until(lambda: "paused" == heard[-1].state)
    assert await want(administrator, TOTALS, "run")
    assert (await running)["swapped"]
    assert not await want(administrator, TOTALS, "pause")


async def test_cancelled_rebuild_ends_and_leaves_nothing_behind(tools, books, owner, administrator, heard):
    before = await rows_of(owner)
    running = asyncio.create_task(rebuild(tools, TOTALS))
    await until(lambda: heard)
    assert await want(administrator, TOTALS, "cancel")
    with pytest.raises(RebuildCancelled):
        await running
    assert [] == await schemas(owner)
    assert before == await rows_of(owner)
    assert "cancelled" == await owner.fetchval("SELECT state FROM readmodels.rebuilds")


async def test_rebuild_that_nobody_works_at_is_discarded(tools, books, owner, administrator):
    with pytest.raises(_Killed):
        await rebuild(replace(tools, note=partial(_die_at, "comparing")), TOTALS)
    await until(lambda: _nobody_works_at(administrator, TOTALS))
    assert await discard(administrator, TOTALS)
    assert [] == await schemas(owner)
    assert not await discard(administrator, TOTALS)


async def _nobody_works_at(connection, model):
    """The lock of one that was killed goes with its connection, which PostgreSQL hears of a little later."""
    return not await is_running(connection, model)


async def test_one_read_model_is_filled_while_the_one_before_is_compared(tools, books, heard):
    tools = replace(tools, jobs=2)
    reports = await each(rebuild, tools, [ENTRIES, TOTALS, BOOKS])
    assert [("entries", True), ("totals", True), ("books", True)] == [
        (report["read_model"], report["swapped"]) for report in reports
    ]
    states = [(progress.name, progress.state) for progress in heard]
    filling = [name for name, state in states if state == "filling"]
    assert ["entries", "totals", "books"] == [name for name, _ in groupby(filling)]
    assert states.index(("totals", "filling")) < states.index(("entries", "swapping"))


async def test_with_one_job_read_models_are_rebuilt_one_after_the_other(tools, books, heard):
    await each(rebuild, tools, [ENTRIES, TOTALS])
    assert ["entries", "totals"] == [name for name, _ in groupby(progress.name for progress in heard)]


async def test_where_one_of_several_rebuilds_cannot_go_on_the_others_are_left_to_be_resumed(tools, books, owner):
    tools = replace(tools, jobs=2, note=partial(_fail_at, "entries", "comparing"))
    with pytest.raises(RebuildFailed):
        await each(rebuild, tools, [ENTRIES, TOTALS])
    tools = replace(tools, note=lambda progress: None)
    reports = await each(rebuild, tools, [ENTRIES, TOTALS])
    assert [("equal", 2), ("equal", 2)] == [(report["outcome"], report["generation"]) for report in reports]


def _fail_at(name, state, progress):
    if (progress.name, progress.state) == (name, state):
        raise RebuildFailed(name)


async def test_prepared_statements_and_functions_go_on_across_a_swap(tools, books, service):
    statement = "SELECT count(*), count(entry_key('amount', occurred_on, amount_minor, created_at)) FROM entries"
    prepared = await service.prepare(statement)
    before = await prepared.fetchrow()
    await rebuild(tools, ENTRIES)
    await service.execute("DELETE FROM entries")
    assert (0, 0) == tuple(await prepared.fetchrow()) != tuple(before)


async def test_snapshot_begun_before_a_swap_reads_the_old_rows_to_its_end(tools, books, engine, heard):
    async with AsyncExitStack() as stack:
        snapshot = await stack.enter_async_context(engine.snapshot())
        rebuilding = asyncio.create_task(rebuild(tools, TOTALS))
        await until(lambda: heard and "swapping" == heard[-1].state)
        before = await snapshot.fetchval("SELECT count(*) FROM totals")
        await asyncio.sleep(0.3)  # in which the swap, had it not to wait, would come about
        assert 0 < before == await snapshot.fetchval("SELECT count(*) FROM totals")
        assert not rebuilding.done()
    assert (await rebuilding)["swapped"]


async def test_new_version_is_rebuilt_at_migration_and_the_old_one_serves_until_then(
    settings, dsn, books, owner, metadata, engine, store
):
    before = await without_generation(owner)
    await owner.execute("UPDATE readmodels.read_models SET version = 0 WHERE name = 'totals'")
    async with owner.transaction():
        assert [] == await create_read_models(owner, READ_MODELS)
    assert ["totals"] == [model.name for model in await find_outdated(owner, READ_MODELS)]
    assert before == await without_generation(owner)
    with pytest.raises(SchemaOutdated):
        async with open_app(settings, dsn):
            pass
    assert ["totals"] == await migrate_database(dsn, settings)
    assert before == await without_generation(owner)
    assert [] == await migrate_database(dsn, settings)
    async with open_app(settings, dsn):
        pass


async def test_code_of_another_version_folds_nothing_into_a_read_model(books, engine, store, metadata, owner):
    await owner.execute("UPDATE readmodels.read_models SET version = 99 WHERE name = 'totals'")
    before = await owner.fetch("SELECT * FROM readmodels.totals")
    await recorded(store, metadata, books[0])
    await engine.catch_up([books[0].id])
    assert before == await owner.fetch("SELECT * FROM readmodels.totals")


async def test_code_of_another_version_answers_nothing_old_and_again_once_the_newer_one_has_folded(
    books, engine, store, metadata, owner, database, keyring
):
    book, *_ = books
    whole_year = (metadata.actor, book.id, date(2024, 1, 1), date(2024, 12, 31), "day")
    await owner.execute("UPDATE readmodels.read_models SET version = 99 WHERE name = 'totals'")
    await get_totals(engine, *whole_year)
    await recorded(store, metadata, book)
    with pytest.raises(ProjectionStopped):
        await get_totals(engine, *whole_year)
    assert str(book.id) == str((await get_book(engine, metadata.actor, book.id))["id"])
    newer = [replace(model, version=99) if model is TOTALS else model for model in READ_MODELS]
    await Engine(database, keyring, newer).catch_up([book.id])
    assert await get_totals(Engine(database, keyring, newer), *whole_year) == await get_totals(engine, *whole_year)


async def test_database_of_the_time_before_generations_is_brought_over(owner, dsn, books):
    before = await rows_of(owner)
    await owner.execute("DROP VIEW readmodels.heads")
    await owner.execute("ALTER TABLE readmodels.checkpoints DROP COLUMN generation")
    await owner.execute("ALTER TABLE readmodels.checkpoints ADD PRIMARY KEY (journal_id, read_model)")
    await owner.execute("ALTER TABLE readmodels.read_models DROP COLUMN generation")
    await owner.execute("DROP TABLE readmodels.rebuilds, readmodels.rebuild_ranges")
    assert [] == await migrate_database(dsn)
    assert before == await rows_of(owner)
    key = "SELECT pg_get_indexdef('readmodels.checkpoints_pkey'::regclass)"
    assert "(journal_id, read_model, generation)" in await owner.fetchval(key)
