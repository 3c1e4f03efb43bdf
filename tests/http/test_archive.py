"""The archived form: out of one database, into another, and the same lines again; and an auditor's own sums of it."""

import json
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from aiohttp.test_utils import TestClient, TestServer
from backports import zstd

from eventstore.database import open_database
from eventstore.keys import Keyring
from eventstore.settings import Settings
from projections.engine import FIRST_JOURNAL, Engine
from projections.moments import Moment
from projections.read_models import READ_MODELS
from projections.replay import replay_book
from service import open_app
from tests.conftest import MASTER_KEY
from tests.fault.processes import run_cli
from tests.http.conftest import Household, path_of

FOLD = Path(__file__).parents[1] / "contract" / "independent_fold.py"
OTHER_KEY = "YW5vdGhlciBrZXkgZm9yIHRlc3RzLCAzMiBieXRlcyE="


def cli(dsn, *words, master_key=MASTER_KEY.text):
    return run_cli(*words, database_url=dsn, master_key=master_key)


async def exported(dsn, *flags):
    code, output, errors = await cli(dsn, "journal", "export", *(flags or ("--all", "--with-keys")))
    assert 0 == code, errors
    return output


async def imported(dsn, text, tmp_path):
    """Import text. Returns: exit code, and what is said."""
    file = tmp_path / "archive.ndjson"
    file.write_text(text)
    code, output, errors = await cli(dsn, "journal", "import", str(file))
    return code, output or errors


@pytest.fixture
async def history(home, book):
    """Two books with everything that changes sums, and some of what does not."""
    food, card = await home.category(book, "식비"), await home.open_book(name="카드", opening_balance="100000")
    entries = [
        await home.record(book, amount=str(amount), occurred_on=day, category_id=food["id"], memo=f"점심 {amount}\n둘")
        for amount, day in ((9000, "2026-01-31"), (12000, "2026-02-01"), (7500, "2026-02-28"), (800, "2026-03-01"))
    ]
    await home.record(book, kind="income", amount="3000000", category_id=None, memo="“월급” \\ <b>")
    assert 200 == (await home.patch(path_of(entries[0]), {"amount": "9900", "occurred_on": "2026-02-03"})).status
    assert 200 == (await home.patch(path_of(entries[0]), {"memo": "저녁", "category_id": None})).status
    assert 204 == (await home.delete(path_of(entries[1]))).status
    assert 204 == (await home.delete(path_of(entries[2]))).status
    assert 200 == (await home.post(f"{path_of(entries[2])}/restore")).status
    assert 200 == (await home.post(f"{path_of(entries[0])}/revert", {"version": 1})).status
    assert 200 == (await home.post(f"{path_of(entries[1])}/revert", {"version": 1})).status
    moved = await home.transfer(book, card, amount="50000")
    gone = await home.transfer(card, book, amount="700")
    assert 200 == (await home.patch(path_of(moved["to"]), {"amount": "60000"})).status
    assert 204 == (await home.delete(path_of(gone["from"]))).status
    for month in ("04", "05"):
        file = f"kind,amount,occurred_on,category\nexpense,4500,2026-{month}-05,커피\nincome,10,2026-{month}-06,이자\n"
        batch = await home.ask("POST", f"/books/{book['id']}/imports", data=file.encode(), headers=csv_headers(home))
        assert 201 == batch.status, batch.content
    assert 200 == (await home.post(f"/books/{book['id']}/batches/{batch.json['batch_id']}/revert")).status
    assert 200 == (await home.patch(f"/books/{book['id']}", {"opening_balance": "-2500", "name": "생활비"})).status
    return [book["id"], card["id"]]


def csv_headers(home):
    return {"Authorization": f"Bearer {home.tokens['access_token']}", "Content-Type": "text/csv"}


async def views(home, books):
    """What the API shows of books: themselves, their entries, and totals by month."""
    paths = [
        f"/books/{book}{more}"
        for book in books
        for more in ("", "/entries?limit=200&state=all", "/totals?group_by=month", "/totals?group_by=category")
    ]
    return [(await home.get(path)).json for path in paths]


async def test_a_database_built_from_an_archive_gives_the_same_lines_and_the_same_books(
    home, history, dsn, empty_dsn, tmp_path
):
    before, lines = await views(home, history), await exported(dsn)
    events = sum('"position":' in line for line in lines.splitlines())

    code, said = await imported(empty_dsn, lines, tmp_path)
    again = await exported(empty_dsn)

    assert (0, True) == (code, said.endswith(f" journals, {events} events\n")), said
    assert lines == again
    other = Settings(database_url=empty_dsn, master_key=MASTER_KEY.text, data_dir=tmp_path)
    async with open_app(other, empty_dsn) as app, TestClient(TestServer(app)) as client:
        restored = await Household(client).signed_in(home.email)
        assert before == await views(restored, history)
        assert "“월급” \\ <b>" in {entry["memo"] for entry in before[1]["items"]}
        await restored.record({"id": history[0]}, memo="그 뒤")


async def test_lines_of_events_alone_build_the_same_database_without_what_was_sealed(
    home, history, dsn, empty_dsn, tmp_path
):
    lines = await exported(dsn, "--all")
    events = [line for line in lines.splitlines(keepends=True) if '"position":' in line]

    assert 0 == (await imported(empty_dsn, "".join(events), tmp_path))[0]

    assert '"wrapped_key":"' not in lines
    assert lines == await exported(empty_dsn, "--all", "--with-keys")


async def test_an_archive_of_one_book_holds_its_journal_and_no_other(home, history, dsn, empty_dsn, tmp_path):
    lines = await exported(dsn, "--book", history[1])

    assert {history[1]} == {told["journal"] for told in map(json.loads, lines.splitlines()) if "journal" in told}
    assert 0 == (await imported(empty_dsn, lines, tmp_path))[0]
    assert lines == await exported(empty_dsn, "--book", history[1])


async def test_a_compressed_archive_in_a_file_holds_the_same_lines_for_its_owner_alone(
    home, history, dsn, empty_dsn, tmp_path
):
    file = tmp_path / "all.zst"
    code, output, _ = await cli(dsn, "journal", "export", "--all", "--with-keys", "--zstd", "-o", str(file))

    assert (0, "", [file]) == (code, output, list(tmp_path.glob("all*")))
    assert 0o600 == file.stat().st_mode & 0o777
    assert (await exported(dsn)).encode() == zstd.decompress(file.read_bytes())
    cut = tmp_path / "cut.zst"
    cut.write_bytes(file.read_bytes()[:-20])
    assert 1 == (await cli(empty_dsn, "journal", "import", str(cut)))[0]
    assert 0 == (await cli(empty_dsn, "journal", "import", str(file)))[0]
    assert await exported(dsn) == await exported(empty_dsn)


async def test_a_database_with_journals_is_refused_and_stays_as_it_was(home, book, dsn, tmp_path):
    lines = await exported(dsn)

    code, said = await imported(dsn, lines, tmp_path)

    assert (1, True) == (code, "The database has journals already" in said), said
    assert lines == await exported(dsn)


async def test_keys_under_another_master_key_are_refused(home, book, dsn, empty_dsn, tmp_path):
    file = tmp_path / "archive"
    file.write_text(await exported(dsn))

    code, _, errors = await cli(empty_dsn, "journal", "import", str(file), master_key=OTHER_KEY)

    assert (1, True) == (code, "The master key does not open" in errors), errors


@pytest.mark.parametrize("flags", [(), ("--all", "--book", "01890000-0000-7000-8000-000000000000")])
async def test_export_wants_one_book_or_all(flags, dsn):
    code, _, errors = await cli(dsn, "journal", "export", *flags)
    assert (2, True) == (code, "either --book ID or --all" in errors)


async def test_export_of_an_unknown_book_leaves_no_file(dsn, tmp_path):
    words = ("--book", "01890000-0000-7000-8000-000000000000", "-o", str(tmp_path / "none"))
    code, _, errors = await cli(dsn, "journal", "export", *words)
    assert (1, "Error: There is no such journal.\n", []) == (code, errors, list(tmp_path.glob("none*")))


async def test_an_auditors_own_fold_of_the_lines_agrees_with_the_api(home, history, dsn):
    lines = await exported(dsn, "--all")
    done = subprocess.run([sys.executable, FOLD], input=lines, capture_output=True, text=True, check=True)  # noqa: ASYNC221
    folded = {told["book"]: told for told in map(json.loads, done.stdout.splitlines())}

    assert sorted(history) == sorted(folded)
    for book, sums in folded.items():
        shown = (await home.get(f"/books/{book}")).json
        for name in ("income", "expense", "transferred", "balance"):
            assert int(shown[name]) == sums[name], name
        assert shown["entry_count"] == sums["entry_count"]
        for grouping, name in (("month", "month"), ("category", "category")):
            totals = (await home.get(f"/books/{book}/totals?group_by={grouping}")).json["groups"]
            expected = {row["key"]: (int(row["income"]), int(row["expense"]), row["count"]) for row in totals}
            assert expected == regrouped(sums["totals"], name), grouping


def regrouped(totals, name):
    keys = {row[name] for row in totals}
    parts = ("income", "expense", "count")
    return {key: tuple(sum(row[part] for row in totals if row[name] == key) for part in parts) for key in keys}


def test_the_auditors_fold_is_short_and_shares_no_code():
    text = FOLD.read_text("utf-8")
    imports = {line.split()[1] for line in text.splitlines() if line.startswith(("import ", "from "))}
    assert {"json", "sys", "collections", "itertools"} == imports
    assert len(text.splitlines()) <= 100


async def test_a_service_works_on_where_an_archive_without_keys_was_imported(home, history, dsn, empty_dsn, tmp_path):
    assert 0 == (await imported(empty_dsn, await exported(dsn, "--all"), tmp_path))[0]

    async with (
        open_database(empty_dsn, 4) as database,
        open_app(Settings(database_url=empty_dsn, master_key=MASTER_KEY.text, data_dir=tmp_path), empty_dsn) as app,
        TestClient(TestServer(app)) as client,
    ):
        engine = Engine(database, Keyring(MASTER_KEY), READ_MODELS)
        stale, _ = await engine.find_stale(FIRST_JOURNAL, 100)
        await engine.catch_up(stale)
        assert [] == (await engine.find_stale(FIRST_JOURNAL, 100))[0]
        newcomer = await Household(client).signed_up("new@example.com")
        assert "12000" == (await newcomer.record(await newcomer.open_book()))["amount"]
        told = [event async for event in replay_book(engine, UUID(history[0]), Moment())]
        assert (await home.get(f"/books/{history[0]}")).json["balance"] == told[-1]["balance"]
        assert {None} == {event["changes"]["memo"]["to"] for event in told if event["type"] == "entry.recorded"}
