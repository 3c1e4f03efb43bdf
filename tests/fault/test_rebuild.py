"""Rebuilds as commands, beside a service under load: nobody notices, and `kill -9` at any moment costs nothing."""

import asyncio
import json
import os
import sys
from contextlib import asynccontextmanager, suppress
from itertools import cycle
from random import Random
from uuid import UUID, uuid4

import asyncpg
import psutil
import pytest

from eventstore.embedded import reached_postgres
from tests.conftest import MASTER_KEY
from tests.contract.books import opened
from tests.fault.processes import (
    NO_ANSWER,
    ROOT,
    an_entry,
    ask,
    environment,
    open_book,
    run_cli,
    running_service,
    sign_up_and_in,
)
from tests.fault.until import until
from tests.poison import poison

VICTIMS = ("command", "filler", "worker", "database")
KILLS = 20
WORKERS = 2
CLIENTS = 4
CLIENTS_SECONDS_MAX = 240
THINK_SECONDS = 0.02
"""Between what a client does: the processors are there for those who rebuild as well."""
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
    """Each writes into a book of its own, and asks at once for what it has written: as a sum, a count and a list.

    What is not answered, or by 503, is asked again; a write under the same key, so that it counts once.
    """

    def __init__(self, client, books, tasks):
        self.going, self.answered = True, 0
        self.wrote = dict.fromkeys(books, (0, 0))
        self.client = client
        for number, book in enumerate(books):
            tasks.create_task(self.use(book, Random(number)))

    async def use(self, book, dice):
        while self.going:
            amount = dice.randint(1, 10**6)
            status, entry = await self.insist("POST", f"/books/{book}/entries", an_entry("점심", amount))
            assert 201 == status, entry
            count, total = self.wrote[book] = self.wrote[book][0] + 1, self.wrote[book][1] + amount
            status, totals = await self.insist("GET", f"/books/{book}/totals?from=2024-01-01")
            assert (200, str(total)) == (status, totals["expense"])
            status, shown = await self.insist("GET", f"/books/{book}")
            assert (200, count, str(total)) == (status, shown["entry_count"], shown["expense"])
            status, page = await self.insist("GET", f"/books/{book}/entries?sort=-recorded_at&limit=1")
            assert (200, entry["id"]) == (status, page["items"][0]["id"])
            await asyncio.sleep(THINK_SECONDS)

    async def insist(self, method, path, body=None):
        key = uuid4().hex if body else ""
        while True:
            with suppress(*NO_ANSWER):
                status, answer = await ask(self.client, method, path, body, key=key)
                if status != 503:
                    self.answered += 1
                    return status, answer
                assert "/problems/store-unavailable" == answer["type"]
            await asyncio.sleep(0.05)

    async def until_answered(self, more):
        goal = self.answered + more
        await until(lambda: self.answered >= goal, seconds_max=40)


@asynccontextmanager
async def using(service, token, books):
    """Have clients use a service; at the end each finishes what it has begun, so that it knows what it wrote."""
    async with asyncio.timeout(CLIENTS_SECONDS_MAX), asyncio.TaskGroup() as tasks:
        clients = Clients(service.client(token), books, tasks)
        yield clients
        clients.going = False


async def begun(settings, *words):
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service", "projections", *words, "--json", "--jobs", "2"),
        cwd=ROOT,
        env=environment(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def outcome_of(word, model, settings):
    """Rebuild or verify. Returns: what came out, and whether it was swapped."""
    code, output, errors = await run_cli("projections", word, model, "--json", "--jobs", "1", **settings)
    assert 0 == code, errors
    (report,) = json.loads(output)
    return report["outcome"], report["swapped"]


async def told_apart(tmp_path, settings):
    """Hold all books against what a script that shares no code makes of the exported lines.

    Returns: {book: (how many entries, what they sum up to)}.
    """
    lines = tmp_path / "lines.ndjson"
    code, _, errors = await run_cli("journal", "export", "--all", "--output", str(lines), **settings)
    assert 0 == code, errors
    with lines.open("rb") as exported:
        process = await asyncio.create_subprocess_exec(
            sys.executable, FOLD, stdin=exported, stdout=asyncio.subprocess.PIPE
        )
        printed, _ = await process.communicate()
    apart = [json.loads(line) for line in printed.splitlines()]
    async with watching(settings) as watcher:
        for book in apart:
            row = await watcher.fetchrow(
                "SELECT b.income_minor, b.expense_minor, b.entry_count, (SELECT sum(expense_minor) FROM"
                " readmodels.totals t WHERE t.journal_id = b.journal_id AND grain = 'day'), (SELECT sum(amount_minor)"
                " FROM readmodels.entries e WHERE e.journal_id = b.journal_id AND until IS NULL AND NOT e.deleted"
                " AND kind = 'expense') FROM readmodels.books b WHERE journal_id = $1",
                UUID(book["book"]),
            )
            expected = (book["income"], book["expense"], book["entry_count"], book["expense"], book["expense"])
            assert expected == tuple(map(int, row))
    return {book["book"]: (book["entry_count"], book["expense"]) for book in apart}


async def require_nobody_works(settings):
    """Whoever filled ended with its command."""
    others = "SELECT 0 = count(*) FROM pg_stat_activity WHERE usename = current_user AND query LIKE '%rebuild_ranges%'"
    async with watching(settings) as watcher:
        await until(lambda: watcher.fetchval(f"{others} AND pid <> pg_backend_pid()"))


@asynccontextmanager
async def watching(settings):
    async with reached_postgres(settings["data_dir"]) as dsn:
        connection = await asyncpg.connect(dsn)
        yield connection
        await connection.close()


class Command:
    """A rebuild that is run again whenever it has ended: of all the read models, of one, of the next, …"""

    def __init__(self, settings):
        self.settings = settings
        self.models = cycle([MODELS, *((model,) for model in MODELS)])
        self.process = None

    async def go_on(self):
        if self.process is None or self.process.returncode is not None:
            self.allowed = {0}
            self.process = await begun(self.settings, "rebuild", "--jobs", "2", *next(self.models))

    def fillers(self):
        with suppress(psutil.NoSuchProcess):  # it has ended, which is not always known yet
            return psutil.Process(self.process.pid).children()
        return []

    async def check(self):
        """One that has ended did so as it had to, considering what was killed."""
        if self.process.returncode is not None:
            assert self.process.returncode in self.allowed, await self.process.stderr.read()

    async def kill(self):
        if self.process.returncode is None:
            self.process.kill()
            self.allowed.add(await self.process.wait())

    async def kill_filler(self, dice):
        """Another one takes its place."""
        await until(lambda: self.fillers() or self.process.returncode is not None)
        with suppress(IndexError, psutil.NoSuchProcess):
            dice.choice(self.fillers()).kill()


async def kill(victim, dice, service, command):
    match victim:
        case "command":
            await command.kill()
        case "filler":
            await command.kill_filler(dice)
        case "worker":
            dice.choice(service.workers()).kill()
            await until(lambda: len(service.workers()) == WORKERS)
        case "database":
            command.allowed.add(1)
            await service.kill_database()


@pytest.mark.timeout(300)  # under 60 s where nobody else wants the processors
async def test_rebuild_under_load_killed_again_and_again_ends_equal_and_nobody_notices(tmp_path):
    seed = int(os.environ.get("KILL_SEED", Random().randrange(10**6)))
    print(f"KILL_SEED={seed}")  # noqa: T201
    dice = Random(seed)
    settings = {"data_dir": tmp_path / "data"}
    async with running_service(tmp_path, "--workers", str(WORKERS), **settings) as service:
        token = await sign_up_and_in(service.client())
        command, books = Command(settings), [await open_book(service.client(), token) for _ in range(CLIENTS)]
        async with using(service, token, books) as clients:
            for victim in dice.sample(VICTIMS * (KILLS // len(VICTIMS)), KILLS):
                await command.go_on()
                await asyncio.sleep(dice.uniform(0.2, 1.5))
                await kill(victim, dice, service, command)
                await clients.until_answered(4 * CLIENTS)
                await command.check()
        await command.process.wait()
        await command.check()
        for model in MODELS:
            assert ("equal", True) == await outcome_of("rebuild", model, settings)
        assert ("equal", False) == await outcome_of("verify", dice.choice(MODELS), settings)
        assert clients.wrote == await told_apart(tmp_path, settings)
        await require_nobody_works(settings)


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


async def test_rebuild_around_poison_ends_with_exit_code_0_and_says_where(
    watcher, settings, store, metadata, engine, keyring
):
    book = await opened(store, metadata)
    await poison(watcher, keyring, metadata, book.id)
    await engine.catch_up([book.id])
    code, output, _ = await run_cli("projections", "rebuild", "totals", **settings)
    assert (0, True) == (code, "totals: equal, 1 journals compared; generation 2 is read now" in output)
    assert f"cannot take position 2 of journal {book.id}, entry.amended: KeyError at projections.postings" in output
    _, output, _ = await run_cli("projections", "list", "--json", **settings)
    assert 1 == next(row["poisoned"] for row in json.loads(output) if row["name"] == "totals")
    _, output, _ = await run_cli("projections", "status", "--json", **settings)
    (status,) = json.loads(output)
    assert ("rebuild", 1) == (status["purpose"], status["report"]["poisoned"]["count"])


async def test_rebuild_of_an_embedded_database_beside_its_service(tmp_path):
    data_dir = {"data_dir": tmp_path / "data"}
    async with running_service(tmp_path, **data_dir) as service:
        token = await sign_up_and_in(service.client())
        await open_book(service.client(), token)
        code, output, errors = await run_cli("projections", "rebuild", "books", "users", **data_dir)
        assert (0, 2) == (code, output.count("equal")), errors
        status, books = await ask(service.client(), "GET", "/books", token=token)
        assert (200, 1) == (status, len(books["items"]))


async def test_outdated_read_model_of_an_embedded_database_is_left_to_the_command_that_rebuilds_it(tmp_path):
    settings = {"data_dir": tmp_path / "data"}
    code, _, errors = await run_cli("projections", "list", **settings)
    assert 0 == code, errors
    async with watching(settings) as watcher:
        await watcher.execute("UPDATE readmodels.read_models SET version = 0 WHERE name = 'totals'")
    assert ("new version", True) == await outcome_of("rebuild", "totals", settings)


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
        await service.kill_database()
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
