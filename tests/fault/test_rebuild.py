"""Rebuilds as commands, beside a service under load: nobody notices, and `kill -9` at any moment costs nothing."""

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from random import Random
from uuid import UUID

import asyncpg
import psutil
import pytest

from tests.conftest import MASTER_KEY
from tests.contract.books import opened
from tests.fault.processes import ROOT, an_entry, ask, environment, open_book, run_cli, running_service, sign_up_and_in
from tests.fault.until import until

KILLS = 20
CLIENTS = 4
MODELS = ("entries", "totals", "books")
FOLD = ROOT / "tests" / "contract" / "independent_fold.py"


@pytest.fixture
async def watcher(dsn):
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


@pytest.fixture
def settings(dsn, tmp_path):
    return {"database_url": dsn, "master_key": MASTER_KEY.text, "data_dir": tmp_path}


class Clients:
    """Each writes into a book of its own, and asks at once for what it has written: as a sum, a count and a list."""

    def __init__(self, service, token, books):
        self.asked = 0
        self.client = service.client(token)
        self.tasks = [asyncio.create_task(self.use(book, Random(number))) for number, book in enumerate(books)]

    async def use(self, book, dice):
        total = count = 0
        while True:
            amount = dice.randint(1, 10**6)
            status, entry = await ask(self.client, "POST", f"/books/{book}/entries", an_entry("점심", amount))
            assert 201 == status, entry
            total, count = total + amount, count + 1
            status, totals = await ask(self.client, "GET", f"/books/{book}/totals?from=2024-01-01")
            assert (200, str(total)) == (status, totals["expense"])
            status, shown = await ask(self.client, "GET", f"/books/{book}")
            assert (200, count, str(total)) == (status, shown["entry_count"], shown["expense"])
            status, page = await ask(self.client, "GET", f"/books/{book}/entries?sort=-recorded_at&limit=1")
            assert (200, entry["id"]) == (status, page["items"][0]["id"])
            self.asked += 4

    async def stop(self):
        """Raises what a client met."""
        failed = [task.exception() for task in self.tasks if task.done()]
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        assert [] == failed


@asynccontextmanager
async def under_load(tmp_path, settings):
    async with running_service(tmp_path, "--workers", "2", **settings) as service:
        token = await sign_up_and_in(service.client())
        clients = Clients(service, token, [await open_book(service.client(), token) for _ in range(CLIENTS)])
        try:
            await until(lambda: clients.asked >= 100)
            yield clients
        finally:
            await clients.stop()


async def begun(settings, *words):
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service", "projections", *words, "--json", "--jobs", "2"),
        cwd=ROOT,
        env=environment(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def require_equal_apart(watcher, tmp_path, settings):
    """Hold all books against what a script that shares no code makes of the exported lines. Returns: how many."""
    lines = tmp_path / "lines.ndjson"
    code, _, errors = await run_cli("journal", "export", "--all", "--output", str(lines), **settings)
    assert 0 == code, errors
    with lines.open("rb") as exported:
        process = await asyncio.create_subprocess_exec(
            sys.executable, FOLD, stdin=exported, stdout=asyncio.subprocess.PIPE
        )
        printed, _ = await process.communicate()
    apart = [json.loads(line) for line in printed.splitlines()]
    for book in apart:
        row = await watcher.fetchrow(
            "SELECT b.income_minor, b.expense_minor, b.entry_count, (SELECT sum(expense_minor) FROM readmodels.totals t"
            " WHERE t.journal_id = b.journal_id AND grain = 'day'), (SELECT sum(amount_minor) FROM readmodels.entries e"
            " WHERE e.journal_id = b.journal_id AND until IS NULL AND NOT e.deleted AND kind = 'expense')"
            " FROM readmodels.books b WHERE journal_id = $1",
            UUID(book["book"]),
        )
        expected = (book["income"], book["expense"], book["entry_count"], book["expense"], book["expense"])
        assert expected == tuple(map(int, row))
    return len(apart)


async def test_rebuild_under_load_killed_again_and_again_ends_equal_and_nobody_notices(tmp_path, watcher, settings):
    seed = int(os.environ.get("KILL_SEED", Random().randrange(10**6)))
    print(f"KILL_SEED={seed}")  # noqa: T201
    dice = Random(seed)
    async with under_load(tmp_path, settings) as clients:
        for number in range(KILLS):
            command = await begun(settings, "rebuild", MODELS[number % len(MODELS)])
            await asyncio.sleep(dice.uniform(0.5, 3))
            victim = psutil.Process(command.pid)
            if number % 2 and (children := victim.children()):
                dice.choice(children).send_signal(signal.SIGKILL)  # a process that fills: another takes its place
                assert 0 == await command.wait()
            elif command.returncode is None:
                command.kill()
                await command.wait()
        asked = clients.asked
        code, output, _ = await run_cli("projections", "rebuild", *MODELS, "--json", **settings)
        assert [("equal", True)] * len(MODELS) == [(one["outcome"], one["swapped"]) for one in json.loads(output)]
        assert 0 == code
        assert clients.asked > asked
    code, output, _ = await run_cli("projections", "verify", "--all", "--json", **settings)
    assert (0, {"equal"}) == (code, {one["outcome"] for one in json.loads(output)})
    assert CLIENTS == await require_equal_apart(watcher, tmp_path, settings)
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    await until(lambda: watcher.fetchval(f"SELECT 0 = ({others})"))  # whoever filled ended with its command


async def test_commands_on_read_models_tell_what_is_and_end_as_they_should(watcher, settings, store, metadata, engine):
    code, output, _ = await run_cli("projections", "rebuild", "totals", **settings)
    assert (0, True) == (code, output.startswith("totals: equal"))
    code, output, _ = await run_cli("projections", "list", "--json", **settings)
    totals = next(row for row in json.loads(output) if row["name"] == "totals")
    assert (0, 2, "live", 0) == (code, totals["generation"], totals["state"], totals["lag_events"])
    code, output, _ = await run_cli("projections", "status", "--json", **settings)
    assert [("totals", "done", False)] == [(row["name"], row["state"], row["running"]) for row in json.loads(output)]
    code, output, _ = await run_cli("projections", "drop-old", **settings)
    assert (0, ["totals", "1"]) == (code, output.split()[-2:])
    assert not await watcher.fetchval("SELECT to_regnamespace('generation_totals_1') IS NOT NULL")
    for words in (("pause", "totals"), ("resume", "totals"), ("cancel", "totals")):
        code, _, errors = await run_cli("projections", *words, **settings)
        assert (1, True) == (code, "not being rebuilt" in errors)
    for words in (("rebuild",), ("rebuild", "nothing"), ("verify",)):
        code, _, errors = await run_cli("projections", *words, **settings)
        assert (2, True) == (code, "totals" in errors)


async def test_different_rows_end_a_command_with_exit_code_3_and_say_where(watcher, settings, store, metadata, engine):
    book = await opened(store, metadata)
    await engine.catch_up([book.id])
    await watcher.execute("UPDATE readmodels.books SET currency = 'USD'")
    code, output, _ = await run_cli("projections", "verify", "books", **settings)
    assert 3 == code
    assert "books: different, 1 journals compared; what is read stays as it is" in output
    assert f"journal {book.id}, books (), currency: live USD, rebuilt KRW" in output


async def test_rebuild_of_an_embedded_database_beside_its_service(tmp_path):
    data_dir = {"data_dir": tmp_path / "data"}
    async with running_service(tmp_path, **data_dir) as service:
        token = await sign_up_and_in(service.client())
        await open_book(service.client(), token)
        code, output, errors = await run_cli("projections", "rebuild", "books", "users", **data_dir)
        assert (0, 2) == (code, output.count("equal")), errors
        status, books = await ask(service.client(), "GET", "/books", token=token)
        assert (200, 1) == (status, len(books["items"]))


async def test_rebuild_whose_database_is_killed_goes_on_where_it_was(tmp_path):
    data_dir = {"data_dir": tmp_path / "data"}
    async with running_service(tmp_path, **data_dir) as service:
        token = await sign_up_and_in(service.client())
        book = await open_book(service.client(), token)
        body = b"amount,occurred_on,memo\n" + b"".join(b"%d,2026-03-05,%d\n" % (n + 1, n) for n in range(10_000))
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/csv"}
        async with service.client().post(f"/books/{book}/imports", data=body, headers=headers) as answer:
            assert 201 == answer.status
        command = await begun(data_dir, "rebuild", "entries")
        await until(lambda: psutil.Process(command.pid).children())
        service.postmaster().kill()
        await command.wait()
        await until(lambda: answers(service, token))
        code, output, errors = await run_cli("projections", "rebuild", "entries", "--json", **data_dir)
        assert 0 == code, errors
        assert [("equal", True)] == [(one["outcome"], one["swapped"]) for one in json.loads(output)]
        status, totals = await ask(service.client(), "GET", f"/books/{book}/totals", token=token)
        assert (200, str(10_000 * 10_001 // 2)) == (status, totals["income"])


async def answers(service, token):
    status, _ = await ask(service.client(), "GET", "/wallet", token=token)
    return 200 == status
