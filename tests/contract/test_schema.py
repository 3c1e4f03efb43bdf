"""The schema: made once however many make it, refused where it is missing, ready to be sharded by journal."""

import asyncio
import json
import re
from importlib.resources import files

import asyncpg
import pytest

import auth
import eventstore
import projections
from eventstore.database import connect, open_database
from eventstore.embedded import embedded_postgres
from eventstore.errors import SchemaOutdated
from eventstore.migrate import migrate, migrations, missing_migrations, require_migrated
from projections.migrate import migrate_database
from projections.read_models import READ_MODELS
from service import open_app
from tests.contract.books import opened, recorded

STATEMENTS = {
    f"{package.__name__}/{file.name}": file.read_text("utf-8")
    for package in (auth, eventstore, projections)
    for file in (files(package) / "sql").iterdir()
    if file.name.endswith(".sql") and not (file.name.startswith("create_") and file.name != "create_checkpoints.sql")
}
ALL_MADE = [*migrations(), *(model.name for model in READ_MODELS)]

# What has no journal in its key, and why.
WITHOUT_JOURNAL = {
    "gagyebu_migrations_pkey": "of the database, not of a journal",
    "read_models_pkey": "of the code, not of a journal",
    "rebuilds_pkey": "of the code, not of a journal",
    "rebuild_ranges_pkey": "of many journals",
    "members_by_user": "finds the books of a user",
    "shares_by_id": "finds the link that a code opens",
    "denylist_by_expiry": "finds what has expired",
    "outbox_by_age": "finds what has waited longest",
    "entries_by_terms": "its terms are each of one journal",
    "attempts_pkey": "of whoever guesses, not of a journal",
    "attempts_by_expiry": "finds what has expired",
    "known_addresses_pkey": "of whoever guesses, not of a journal",
    "known_addresses_by_expiry": "finds what has expired",
}

GROWING = {"events", "entries", "totals", "statements", "spending"}
BY_RANGE = {"eventstore/export_events.sql"}
"""Reads journal after journal."""


async def schema_of(connection):
    """Every table, column, index, function and trigger, in words."""
    schemas = "('eventstore', 'readmodels', 'throttle')"
    return await connection.fetch(
        "SELECT table_schema || '.' || table_name || '.' || column_name, data_type FROM information_schema.columns"
        f" WHERE table_schema IN {schemas}"
        f" UNION ALL SELECT indexname, indexdef FROM pg_indexes WHERE schemaname IN {schemas}"
        f" UNION ALL SELECT proname, prosrc FROM pg_proc WHERE pronamespace::regnamespace::text IN {schemas}"
        " UNION ALL SELECT tgname, tgrelid::regclass::text FROM pg_trigger ORDER BY 1, 2"
    )


async def test_migrations_from_empty_by_many_at_once_are_made_once(empty_dsn, dsn):
    done = await asyncio.gather(*(migrate_database(empty_dsn) for _ in range(8)))
    assert sorted([[]] * 7 + [ALL_MADE]) == sorted(done)
    made, template = await asyncpg.connect(empty_dsn), await asyncpg.connect(dsn)
    assert await schema_of(template) == await schema_of(made)
    await asyncio.gather(made.close(), template.close())


async def test_migrations_applied_twice_do_nothing(dsn, store, metadata, owner):
    book = await opened(store, metadata)
    await recorded(store, metadata, book)
    schema = await schema_of(owner)
    events = await owner.fetch("SELECT * FROM eventstore.events")
    assert [] == await migrate_database(dsn)
    assert schema == await schema_of(owner)
    assert events == await owner.fetch("SELECT * FROM eventstore.events")


async def test_migrations_are_numbered_without_gaps():
    assert [f"{number:04}" for number in range(1, len(migrations()) + 1)] == [name[:4] for name in migrations()]


async def test_migrations_interrupted_leave_nothing_half_made(empty_dsn):
    connection = await asyncpg.connect(empty_dsn)
    transaction = connection.transaction()
    await transaction.start()
    await migrate(connection)
    await connection.close()  # as a killed process would
    assert ALL_MADE == await migrate_database(empty_dsn)


async def test_database_without_migrations_is_refused(empty_dsn, settings):
    async with open_database(empty_dsn, 1) as database, database.transaction() as transaction:
        with pytest.raises(SchemaOutdated) as caught:
            await require_migrated(transaction)
    assert list(migrations()) == caught.value.missing
    assert "gagyebu migrate" in str(caught.value)
    with pytest.raises(SchemaOutdated):
        async with open_app(settings, empty_dsn):
            pass


async def test_server_that_was_never_migrated_is_refused(tmp_path, settings):
    async with embedded_postgres(tmp_path / "another", {"fsync": "off"}) as dsn:
        with pytest.raises(SchemaOutdated):
            async with open_app(settings, dsn):
                pass
        assert ALL_MADE == await migrate_database(dsn)
        async with open_app(settings, dsn):
            pass


async def test_database_with_a_migration_missing_is_refused(owner, service):
    await require_migrated(service)
    await owner.execute("DELETE FROM gagyebu_migrations WHERE name = $1", list(migrations())[-1])
    with pytest.raises(SchemaOutdated) as caught:
        await require_migrated(service)
    assert list(migrations())[-1:] == caught.value.missing == await missing_migrations(service)


@pytest.mark.parametrize("name", STATEMENTS)
async def test_statement_prepares_under_the_services_role(service, name):
    await service.prepare(STATEMENTS[name])


@pytest.mark.parametrize("name", STATEMENTS)
def test_statement_says_what_it_is_and_what_it_takes(name):
    comment = "".join(line for line in STATEMENTS[name].splitlines() if line.startswith("--"))
    assert STATEMENTS[name].startswith("-- ")
    assert ("$1" in STATEMENTS[name]) == ("$1" in comment)


@pytest.mark.parametrize("books", [0, 3])
async def test_statement_finds_events_entries_and_sums_by_their_journal_while_the_tables_are_small_too(
    owner, service, engine, store, metadata, books
):
    for _ in range(books):
        book = await opened(store, metadata)
        await asyncio.gather(*(recorded(store, metadata, book) for _ in range(20)))
        await engine.catch_up([book.id])
        await owner.execute("ANALYZE")
    asked = re.compile("^(SELECT|WITH|INSERT|UPDATE|DELETE)", re.MULTILINE)
    planned = {name: sql for name, sql in STATEMENTS.items() if asked.search(sql)}
    found = {name for name, sql in planned.items() for scan in await scans(service, sql) if not by_journal(scan)}
    assert BY_RANGE == found


async def scans(connection, sql):
    """How a statement looks into the tables that grow with every entry."""
    count = len(set(re.findall(r"\$\d+", sql)))
    await connection.execute(f"PREPARE asked AS {sql}")
    values = f"({', '.join(['NULL'] * count)})" if count else ""
    plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE asked {values}")
    await connection.execute("DEALLOCATE PREPARE asked")
    nodes = [json.loads(plan)[0]["Plan"]]
    for node in nodes:
        nodes += node.get("Plans", ())
    return [node for node in nodes if node.get("Relation Name") in GROWING and node["Node Type"] != "ModifyTable"]


def by_journal(scan):
    """A bitmap's condition is checked again on the rows that it finds; the terms and events of erasure are few."""
    condition = scan.get("Index Cond") or scan.get("Recheck Cond") or scan.get("TID Cond") or ""
    few = scan.get("Index Name") == "events_of_erasure" or "terms" in condition or "topic" in condition
    return few or re.search("journal_id = |ctid = |= ctid", condition) is not None


async def test_every_key_begins_with_the_journal(owner):
    indexes = await owner.fetch(
        "SELECT i.indexrelid::regclass::text AS name, i.indisunique, a.attname AS first"
        " FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]"
        " WHERE c.relnamespace::regnamespace::text NOT LIKE ALL (ARRAY['pg_%', 'information_schema'])"
    )
    without = {row["name"].rpartition(".")[2] for row in indexes if row["first"] != "journal_id"}
    assert WITHOUT_JOURNAL.keys() == without
    unique = {row["name"].rpartition(".")[2] for row in indexes if row["indisunique"]}
    of_no_journal = {"gagyebu_migrations_pkey", "read_models_pkey", "attempts_pkey", "known_addresses_pkey"}
    of_no_journal |= {"rebuilds_pkey", "rebuild_ranges_pkey"}
    assert of_no_journal == without & unique


async def test_no_table_has_a_sequence_an_identity_or_a_foreign_key(owner):
    schemas = "('eventstore', 'readmodels', 'throttle', 'public')"
    assert [] == await owner.fetch(f"SELECT * FROM pg_sequences WHERE schemaname IN {schemas}")
    assert [] == await owner.fetch(
        f"SELECT * FROM information_schema.columns WHERE table_schema IN {schemas} AND is_identity = 'YES'"
    )
    assert [] == await owner.fetch("SELECT conname FROM pg_constraint WHERE contype = 'f'")


async def test_schema_needs_no_extension(owner):
    assert ["plpgsql"] == [row["extname"] for row in await owner.fetch("SELECT extname FROM pg_extension")]


async def test_service_sees_the_schemas_in_their_order(dsn):
    connection = await connect(dsn)
    assert "readmodels, eventstore, public" == await connection.fetchval("SHOW search_path")
    await connection.close()
