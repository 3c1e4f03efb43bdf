"""`kill -9` of service and database, again and again, while clients write: what was acknowledged is there, once."""

import asyncio
import os
from contextlib import AsyncExitStack
from random import Random
from uuid import uuid4

import aiohttp
import asyncpg

from eventstore.embedded import embedded_postgres
from tests.fault.processes import NO_ANSWER, an_entry, ask, open_book, running_service, servers_in, sign_up_and_in
from tests.fault.until import until

ROUNDS = 5
WRITERS = 8


class Writers:
    """Clients that write entries with memos of their own, and go on whatever happens to the service."""

    def __init__(self, token, books):
        self.url = ""
        self.sent = {}
        self.acknowledged = set()
        self.tasks = [asyncio.create_task(self.write(Random(number), token, books)) for number in range(WRITERS)]

    async def write(self, dice, token, books):
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(20)) as client:
            while True:
                memo, book, amount = uuid4().hex, dice.choice(books), dice.randint(1, 10**6)
                self.sent[memo] = (book, amount)
                try:
                    status, answer = await ask(
                        client, "POST", f"{self.url}/books/{book}/entries", an_entry(memo, amount)
                    )
                except NO_ANSWER:
                    await asyncio.sleep(0)  # refused at once: let others run
                    continue
                assert status in {201, 503}, answer
                self.acknowledged.update({memo} if status == 201 else ())

    async def until_acknowledged(self, more):
        """Wait until so many more entries are acknowledged."""
        goal = len(self.acknowledged) + more
        await until(lambda: len(self.acknowledged) >= goal or any(task.done() for task in self.tasks), seconds_max=40)
        assert not any(task.done() for task in self.tasks), [task.exception() for task in self.tasks if task.done()]

    async def stop(self):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def entries_of(client, token, book):
    items, cursor = [], ""
    while cursor is not None:
        path = f"/books/{book}/entries?state=all&limit=200{cursor and f'&cursor={cursor}'}"
        status, page = await ask(client, "GET", path, token=token)
        assert 200 == status
        items, cursor = items + page["items"], page["next_cursor"]
    return items


async def test_every_acknowledged_entry_outlives_kills_of_service_and_database_once(tmp_path):
    seed = int(os.environ.get("KILL_SEED", Random().randrange(10**6)))
    print(f"KILL_SEED={seed}")  # noqa: T201
    dice = Random(seed)
    flags = ("--data-dir", str(tmp_path / "data"))
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(running_service(tmp_path, *flags))
        token = await sign_up_and_in(service.client())
        books = [await open_book(service.client(), token) for _ in range(3)]
        writers = Writers(token, books)
        stack.push_async_callback(writers.stop)
        for round_number in range(ROUNDS):
            writers.url = service.url
            await writers.until_acknowledged(dice.randint(5, 150))
            victims = [{"service"}, {"database"}, {"service", "database"}][(round_number + seed) % 3]
            if "database" in victims:
                await service.kill_database()
            if "service" in victims:
                await service.kill()
                service = await stack.enter_async_context(running_service(tmp_path, *flags))
        writers.url = service.url
        await writers.until_acknowledged(20)
        await writers.stop()
        await check_answers(service.client(), token, books, writers)
        assert 0 == await service.stop()
        await check_journals(tmp_path / "data")
    assert not servers_in(tmp_path)


async def check_answers(client, token, books, writers):
    for book in books:
        entries = await entries_of(client, token, book)
        memos = [entry["memo"] for entry in entries]
        assert len(memos) == len(set(memos))
        assert {memo for memo in writers.acknowledged if writers.sent[memo][0] == book} <= set(memos)
        assert all(writers.sent[entry["memo"]] == (book, int(entry["amount"])) for entry in entries)
        status, totals = await ask(client, "GET", f"/books/{book}/totals?group_by=day", token=token)
        assert (200, str(sum(int(entry["amount"]) for entry in entries))) == (status, totals["expense"])
        assert [len(entries)] == [group["count"] for group in totals["groups"]]


async def check_journals(data_dir):
    """Positions run from 1 without gaps up to the journal's head, versions within a stream likewise."""
    async with embedded_postgres(data_dir) as dsn:
        connection = await asyncpg.connect(dsn, server_settings={"search_path": "eventstore"})
        gaps = await connection.fetch(
            "SELECT journal_id FROM journals LEFT JOIN events e USING (journal_id) GROUP BY journals.journal_id"
            " HAVING count(e.position) <> journals.position OR max(e.position) <> count(*) OR min(e.position) <> 1"
        )
        broken = await connection.fetch(
            "SELECT stream_id FROM events GROUP BY journal_id, stream_id HAVING max(version) <> count(*)"
        )
        await connection.close()
    assert ([], []) == (gaps, broken)
