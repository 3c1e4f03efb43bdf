"""The story of a book on the command line."""

import json

import pytest
from rich.cells import cell_len

from projections import replay
from projections.moments import Moment
from projections.replay import replay_book
from tests.conftest import MASTER_KEY
from tests.fault.processes import run_cli
from tests.http.conftest import NOWHERE, path_of


def cli(dsn, *words):
    return run_cli("replay", *words, database_url=dsn, master_key=MASTER_KEY.text)


@pytest.fixture
async def entry(home, book):
    """An entry that was amended, deleted, and is as it was first; and the book has another name since."""
    food = await home.category(book, "식비")
    entry = await home.record(book, amount="12000", memo="점심 [red]", category_id=food["id"])
    assert 200 == (await home.patch(path_of(entry), {"amount": "15000", "memo": ""})).status
    assert 204 == (await home.delete(path_of(entry))).status
    assert 200 == (await home.post(f"{path_of(entry)}/revert", {"version": 1})).status
    assert 200 == (await home.patch(f"/books/{book['id']}", {"opening_balance": "100000"})).status
    return entry


async def test_replay_tells_every_event_with_what_changed_and_the_balance_after_it(home, book, entry, dsn):
    code, output, errors = await cli(dsn, "--book", book["id"], "--json")
    told = [json.loads(line) for line in output.splitlines()]

    assert (0, "") == (code, errors)
    assert [1, 2, 3, 4, 5, 6] == [event["position"] for event in told]
    assert ["0", "-12000", "-15000", "0", "-12000", "88000"] == [event["balance"] for event in told]
    assert {"김미나"} == {event["actor"]["name"] for event in told}
    history = (await home.get(f"{path_of(entry)}/history")).items
    assert [event["changes"] for event in history] == [event["changes"] for event in told[1:5]]
    assert {"opening_balance": {"from": "0", "to": "100000"}} == told[5]["changes"]
    assert told[-1]["balance"] == (await home.get(f"/books/{book['id']}")).json["balance"]


async def test_replay_stops_at_a_position_or_at_a_time_inclusively(home, book, entry, dsn):
    whole = [json.loads(line) for line in (await cli(dsn, "--book", book["id"], "--json"))[1].splitlines()]

    for until in ("3", whole[2]["recorded_at"]):
        _, output, _ = await cli(dsn, "--book", book["id"], "--json", "--until", until)
        assert whole[:3] == [json.loads(line) for line in output.splitlines()]


async def test_replay_for_people_is_a_table_without_colours_where_no_terminal_is(home, book, entry, dsn):
    code, output, _ = await cli(dsn, "--book", book["id"])

    assert 0 == code
    assert "\x1b" not in output
    lines = output.splitlines()
    assert ["#", "recorded", "(UTC)", "who", "event", "what", "changed", "balance"] == lines[0].split()
    assert any("amount: 12000 → 15000" in line for line in lines)
    assert any("memo: 점심 [red] → –" in line for line in lines)
    assert "88000" == lines[-1].split()[-1]
    assert {140} == {cell_len(line) for line in lines}


async def test_replay_page_by_page_tells_the_same(home, book, entry, engine, monkeypatch):
    told = [event async for event in replay_book(engine, book["id"], Moment())]
    monkeypatch.setattr(replay, "PAGE_EVENTS", 2)

    assert told == [event async for event in replay_book(engine, book["id"], Moment())]


async def test_replay_of_no_book_is_refused_with_a_sentence(dsn):
    code, output, errors = await cli(dsn, "--book", NOWHERE)
    assert (1, "", True) == (code, output, errors.startswith("Error: ")), errors


async def test_replay_until_nonsense_is_a_usage_error(dsn):
    code, _, errors = await cli(dsn, "--book", NOWHERE, "--until", "yesterday")
    assert (2, True) == (code, "neither a position of the journal nor a time" in errors)
