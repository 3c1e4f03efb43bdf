"""Share links in a real store: exact under races, found by an index, made anew from their events."""

import asyncio
from datetime import timedelta
from importlib.resources import files

import orjson
import pytest
from uuid_utils.compat import uuid7

import projections
import projections.engine as engines
from eventstore.store import EventStore
from ledger.commands.entries import Target, delete_entry
from ledger.commands.shares import note_opening, revoke_share, share_entry
from ledger.errors import EntryDeleted
from ledger.share import OPENS_MAX, ShareLink, ShareOpening, opening_id_of
from tests.contract.books import everything, recorded
from tests.ledgers import a_ledger

DAY = timedelta(days=1)
LINKS = 5_000


async def share(ledger, metadata, entry, book):
    return await share_entry(ledger, Target(metadata, book.id, entry.id, lambda _: None), DAY)


async def test_link_that_races_the_deletion_of_its_entry_is_made_before_it_or_refused(
    store: EventStore, neighbour, metadata, book
):
    entries = [await recorded(store, metadata, book) for _ in range(15)]
    one, other = a_ledger(store), a_ledger(neighbour)
    await asyncio.gather(
        *(share(one, metadata, entry, book) for entry in entries),
        *(delete_entry(other, Target(metadata, book.id, entry.id, lambda _: None)) for entry in entries),
        return_exceptions=True,
    )
    deleted = set()
    for event in await everything(store, book.id):
        if event.version == 2:
            deleted.add(event.stream_id)
        elif isinstance(event.event, ShareLink.Issued):
            assert event.event.entry_id not in deleted
    assert {entry.id for entry in entries} == deleted
    with pytest.raises(EntryDeleted):
        await share(one, metadata, entries[0], book)


async def test_openings_by_two_processes_that_know_of_none_count_each_once(
    store, neighbour, metadata, book, engine, owner
):
    _, link, _ = await share(a_ledger(store), metadata, await recorded(store, metadata, book), book)
    ledgers = [a_ledger(store), a_ledger(neighbour)] * 6
    await asyncio.gather(*(note_opening(ledger, metadata, book.id, link.id, 0) for ledger in ledgers))
    await engine.catch_up([book.id])
    assert 12 == await owner.fetchval("SELECT cardinality(opened) FROM readmodels.shares")


async def test_openings_by_many_at_once_never_go_beyond_the_limit(store, neighbour, metadata, book):
    _, link, _ = await share(a_ledger(store), metadata, await recorded(store, metadata, book), book)
    ledgers = [a_ledger(store), a_ledger(neighbour)] * 3
    await asyncio.gather(*(note_opening(ledger, metadata, book.id, link.id, OPENS_MAX - 2) for ledger in ledgers))
    openings = [event for event in await everything(store, book.id) if isinstance(event.event, ShareOpening.Opened)]
    assert {opening_id_of(link.id, number) for number in (OPENS_MAX - 1, OPENS_MAX)} == {
        event.stream_id for event in openings
    }
    assert 2 == len(openings)


async def test_links_made_anew_from_their_events_are_the_live_ones(store, engine, metadata, book, owner, monkeypatch):
    ledger, entry = a_ledger(store), await recorded(store, metadata, book)
    for number in range(6):
        code, link, _ = await share(ledger, metadata, entry, book)
        for opens in range(number):
            await note_opening(ledger, metadata, book.id, link.id, opens)
        await engine.catch_up([book.id])
        if number % 2:
            await revoke_share(ledger, metadata, book.id, entry.id, code)
    await engine.catch_up([book.id])
    rows = "SELECT * FROM readmodels.shares ORDER BY since"
    live = await owner.fetch(rows)
    await owner.execute("DELETE FROM readmodels.shares")
    await owner.execute("DELETE FROM readmodels.checkpoints WHERE read_model = 'shares'")
    monkeypatch.setattr(engines, "EVENTS_MAX", 4)
    await engine.catch_up([book.id])
    assert live == await owner.fetch(rows)
    assert [0, 1, 2, 3, 4, 5] == [len(row["opened"]) for row in live]
    assert [True, False] * 3 == [row["revoked_since"] is None for row in live]


def rows_read(plan, table):
    own = plan["Actual Loops"] * plan["Actual Rows"] if plan.get("Relation Name") == table else 0
    return own + sum(rows_read(below, table) for below in plan.get("Plans", []))


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("get_share", "'{link}'", 1),
        ("list_shares", "'{user}', '{book}', '{entry}', NULL, NULL, NULL, NULL, 51", 51),
        ("list_shares", "'{user}', '{book}', '{entry}', NULL, NULL, now() - interval '9 min', '{entry}', 51", 51),
    ],
)
async def test_link_is_found_and_listed_by_an_index(
    store, engine, metadata, book, owner, service, name, arguments, expected
):
    entry = await recorded(store, metadata, book)
    await engine.catch_up([book.id])
    await owner.execute(
        "INSERT INTO readmodels.shares SELECT $1, gen_random_uuid(), CASE WHEN n % 2 = 0 THEN $2 ELSE $3::uuid END,"
        f" now(), now() - n * interval '1 s', 1, NULL, '{{}}' FROM generate_series(1, {LINKS}) AS n",
        book.id,
        entry.id,
        uuid7(),
    )
    sql = (files(projections) / "sql" / f"{name}.sql").read_text("utf-8")
    await service.execute(f"PREPARE planned AS {sql}")
    link = await service.fetchval("SELECT share_id FROM shares LIMIT 1")
    values = arguments.format(user=metadata.actor, book=book.id, entry=entry.id, link=link)
    text = await service.fetchval(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE planned ({values})")
    (explained,) = orjson.loads(text)
    assert expected == rows_read(explained["Plan"], "shares")
