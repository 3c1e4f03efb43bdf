"""Every read of a book, a small one and a large one by turns: what it costs may not depend on how much there is."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlencode

from bench.books import DETAILS, Client, sign_in, sign_up
from bench.errors import BenchError
from bench.generator import Generator, Job, Request, generating
from bench.household import DAYS, FIRST_DAY, RARE_AMOUNT, RARE_CATEGORY, RARE_TAG, files, household
from bench.measure import Run, cost
from bench.subjects import open_service
from bench.system import System

Kind = Literal["list", "search", "other", "known_at"]

FULL, QUICK = (1_000, 100_000), (1_000, 5_000)
CLIENTS: dict[Kind, int] = {"list": 8, "search": 8, "other": 8, "known_at": 1}
WARM_SECONDS = 0.2
FILE_LINES = 50_000
TAKEN_BACK = 200
"""Entries of an import that was reverted: the deleted ones."""
CHANGES = 500
"""So many entries are amended, then as many added: what the diff has to tell."""
IN_THE_RANGE = 100
"""Entries in the range of few days, in a book of any size."""
THE_END = 10**17  # a position that lies beyond any journal


class Read(NamedTuple):
    """What is asked for."""

    kind: Kind
    name: str


class ReadCase(NamedTuple):
    """One of the two halves of a line of the table."""

    read: Read
    size: int


ReadRuns = dict[ReadCase, list[Run]]


@dataclass(frozen=True)
class Book:
    """A filled book, and what is needed to ask for parts of it."""

    path: str
    size: int
    token: str
    entry_ids: Sequence[str]
    amended_ids: Sequence[str]
    category_ids: dict[str, str]
    cursors: dict[str, str]
    """Half way through the book, by sort."""
    position: int
    """Of the journal, before the last changes."""

    def entries(self, **query: Any) -> list[str]:
        return [f"{self.path}/entries?{urlencode(query)}"]

    def totals(self, **query: Any) -> list[str]:
        return [f"{self.path}/totals?{urlencode(query)}"]


async def measure(
    folder: Path, sizes: Sequence[int], rounds: int, seconds: float, step: Callable[[str], None]
) -> ReadRuns:
    """Fill a book of each size, then ask every one for everything, round by round."""
    async with AsyncExitStack() as stack:
        generator = await stack.enter_async_context(generating())
        system, asker = await open_service(stack, folder / "reads")
        books = []
        for size in sizes:
            step(f"reads: filling a book of {size:,} entries")
            books.append(await _fill(system, asker, size))
        await system.tidy()
        runs: ReadRuns = {}
        for number in range(rounds):
            # Signed in anew every time: a long run must not outlive a token.
            books = [replace(book, token=await sign_in(asker, str(book.size))) for book in books]
            for book, read, paths in _turns(books[:: -1 if number % 2 else 1]):
                step(f"reads: {read.name}, {book.size:,} entries")
                run = await _run(system, generator, book.token, read, paths, seconds)
                runs.setdefault(ReadCase(read, book.size), []).append(run)
        return runs


def _turns(books: Sequence[Book]) -> Iterator[tuple[Book, Read, list[str]]]:
    """Ask all books for the same thing before the next."""
    for reads in zip(*(paths_of(book).items() for book in books), strict=True):
        yield from ((book, *read) for book, read in zip(books, reads, strict=True))


async def _run(system: System, generator: Generator, token: str, read: Read, paths: list[str], seconds: float) -> Run:
    requests: list[Request] = [("GET", path) for path in paths]
    clients = CLIENTS[read.kind]
    await generator.warm(Job(system.server.port, requests, 200, clients, seconds, token, WARM_SECONDS))
    return await cost(system, generator)


def paths_of(book: Book) -> dict[Read, list[str]]:
    """Say what is asked of a book, in the order of the table."""
    kinds: dict[Kind, dict[str, list[str]]] = {
        "list": _lists(book),
        "search": _searches(book),
        "other": _others(book),
        "known_at": _past(book),
    }
    return {Read(kind, name): paths for kind, reads in kinds.items() for name, paths in reads.items()}


def _lists(book: Book) -> dict[str, list[str]]:
    sorts = ("occurred_on", "amount", "-amount", "-recorded_at")
    first_day = FIRST_DAY + timedelta(days=DAYS // 2)
    last_day = first_day + timedelta(days=IN_THE_RANGE * DAYS // book.size)
    return {
        "list": book.entries(),
        **{f"list, sort={sort}": book.entries(sort=sort) for sort in sorts},
        **{f"list, half way, sort={sort}": book.entries(sort=sort, cursor=at) for sort, at in book.cursors.items()},
        "list, limit=200": book.entries(limit=200),
        "list, kind=income": book.entries(kind="income"),
        "list, rare tag": book.entries(tag=RARE_TAG),
        "list, rare category": book.entries(category_id=book.category_ids[RARE_CATEGORY]),
        "list, frequent category, sort=-amount": book.entries(category_id=book.category_ids["식비"], sort="-amount"),
        "list, amounts": book.entries(min_amount=RARE_AMOUNT, max_amount=2 * RARE_AMOUNT),
        "list, few days, sort=amount": book.entries(**{"from": first_day, "to": last_day}, sort="amount"),
        "list, state=deleted": book.entries(state="deleted"),
        "list, state=all": book.entries(state="all"),
    }


def _searches(book: Book) -> dict[str, list[str]]:
    return {
        "q frequent: 점심": book.entries(q="점심"),
        "q frequent, sort=-amount: 점심": book.entries(q="점심", sort="-amount"),
        "q rare: 도자기": book.entries(q="도자기"),
        "q absent: 없는낱말": book.entries(q="없는낱말"),
        "q of two frequent, absent: 점심 치킨": book.entries(q="점심 치킨"),
        "q one syllable: 면": book.entries(q="면"),
        "q one syllable, rare: 옻": book.entries(q="옻"),
        "q 초성: ㄱㅊㅉㄱ": book.entries(q="ㄱㅊㅉㄱ"),
        "q 초성, rare: ㄷㅈㄱ": book.entries(q="ㄷㅈㄱ"),
        "q name of a frequent category, sort=-amount: 식비": book.entries(q="식비", sort="-amount"),
    }


def _others(book: Book) -> dict[str, list[str]]:
    return {
        "totals": book.totals(),
        **{f"totals by {grouping}": book.totals(group_by=grouping) for grouping in ("month", "category", "member")},
        "totals of one month": book.totals(**{"from": "2020-03-01", "to": "2020-03-31"}),
        "entry": [f"{book.path}/entries/{entry_id}" for entry_id in book.entry_ids],
        "entry's history": [f"{book.path}/entries/{entry_id}/history" for entry_id in book.amended_ids],
        "book": [book.path],
        "wallet": ["/wallet"],
        f"diff of {2 * CHANGES:,} changes": [f"{book.path}/diff?known_at={book.position}"],
    }


def _past(book: Book) -> dict[str, list[str]]:
    return {
        "known_at book": [f"{book.path}?known_at={book.position}"],
        "known_at list": book.entries(known_at=book.position),
        "known_at totals": book.totals(known_at=book.position),
        "known_at totals by month": book.totals(known_at=book.position, group_by="month"),
    }


async def _fill(system: System, asker: Client, size: int) -> Book:
    """Make a book of so many live entries through the service: some taken back, some amended, the last added late."""
    token = await sign_up(asker, str(size))
    path = await asker.open_book(token)
    entries = household(size)
    await _take_back(asker, path, token)
    for file in files(entries[:-CHANGES], FILE_LINES):
        await asker.upload(path, token, file)
        await system.settled()
    diff = await asker.ask(200, "GET", f"{path}/diff?known_at={THE_END}", token)
    amended_ids = await _amend(asker, path, token)
    for file in files(entries[-CHANGES:], FILE_LINES):
        await asker.upload(path, token, file)
    await system.settled()
    filled = await asker.ask(200, "GET", path, token)
    if filled["entry_count"] != size:
        raise BenchError(f"the book has {filled['entry_count']} entries instead of {size}")
    categories = await asker.ask(200, "GET", f"{path}/categories?limit=200", token)
    return Book(
        path,
        size,
        token,
        [entry["id"] for entry in (await asker.ask(200, "GET", f"{path}/entries?limit={DETAILS}", token))["items"]],
        amended_ids,
        {category["name"]: category["id"] for category in categories["items"]},
        {sort: await _half_way(asker, path, token, sort, size) for sort in ("-occurred_on", "amount")},
        diff["known_at"]["position"],
    )


async def _take_back(asker: Client, path: str, token: str) -> None:
    (file,) = files(household(TAKEN_BACK), TAKEN_BACK)
    batch = await asker.upload(path, token, file)
    await asker.ask(200, "POST", f"{path}/batches/{batch['batch_id']}/revert", token)


async def _amend(asker: Client, path: str, token: str) -> list[str]:
    """Change the memo of some entries. Returns: their ids."""
    entry_ids: list[str] = []
    cursor = ""
    while len(entry_ids) < CHANGES:
        page = await asker.ask(200, "GET", f"{path}/entries?sort=occurred_on&limit=100{cursor}", token)
        page_ids = [entry["id"] for entry in page["items"]]
        changes = (
            asker.ask(200, "PATCH", f"{path}/entries/{entry_id}", token, {"memo": "영수증 확인"})
            for entry_id in page_ids
        )
        await asyncio.gather(*changes)
        entry_ids += page_ids
        cursor = f"&cursor={page['next_cursor']}"
    return entry_ids


async def _half_way(asker: Client, path: str, token: str, sort: str, size: int) -> str:
    """Turn pages to the middle. Returns: the cursor there."""
    cursor = ""
    for _ in range(-(-size // 400)):
        page = await asker.ask(200, "GET", f"{path}/entries?sort={sort}&limit=200{cursor}", token)
        cursor = f"&cursor={page['next_cursor']}"
    return str(page["next_cursor"])
