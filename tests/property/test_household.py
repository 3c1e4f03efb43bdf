"""Any household, any interleaving: what the API answers is what plain dictionaries say, after every step."""

import asyncio
import copy
import itertools
import logging
from collections.abc import Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import structlog
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from service import Settings, open_app
from tests.conftest import MASTER_KEY, TEMPLATE, _fresh_database
from tests.property import model
from tests.property.model import Call, Json, Seen, World

USERS = 3
RACERS_MAX = 5
PROFILE = settings(
    max_examples=2,  # the plainest one, and one at random
    stateful_step_count=25,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)

RUNS = 16
"""Each from scratch: races end this way or that, and within a run Hypothesis wants the same choices to do the same."""

fresh_database = asynccontextmanager(_fresh_database)


def pick(data, items):
    """One of what there is at the moment; drawn as a number, since how many there are hangs on how races ended."""
    return items[data.draw(st.integers(0, 2**16)) % len(items)]


# ── what clients may send ────────────────────────────────────────────────────────────────────────────────

NAMES = st.sampled_from(["생활비", "Travel", "TRAVEL", "Cafe\u0301", "Café", "Straße", "집 🏠"])
MEMOS = st.sampled_from(["", "점심", "Lunch with 민수", "LUNCH", "Cafe\u0301", "두 줄\n\t메모", "100% _ \\ '"])
TAGS = st.lists(st.sampled_from(["food", "Food", "여행", "Cafe\u0301", "b%"]), max_size=3)
KINDS = st.sampled_from(["income", "expense"])
EDGES = [date.min, date(2023, 12, 31), date(2024, 2, 29), date(2024, 3, 1), date(9999, 12, 30), date.max]
DAYS = st.one_of(st.dates(date(2023, 11, 20), date(2024, 3, 10)), st.sampled_from(EDGES))
ISO_DAYS = DAYS.map(date.isoformat)
SORTS = ("-occurred_on", "occurred_on", "amount", "-amount", "-recorded_at")


def amounts(currency: str, *, smallest: int = 1) -> st.SearchStrategy[str | int]:
    """Amounts as a client may write them."""
    numbers = st.one_of(st.integers(smallest, 50_000), st.sampled_from([10**15 - 1, 1, 50_000]))
    text = numbers.map(lambda number: model.shown(number, currency))
    whole = st.integers(max(smallest, 1), 50_000)
    return st.one_of(text, whole, whole.map(str))


def entries(book: Json) -> st.SearchStrategy[Json]:
    optional = {"category_id": category_ids(book), "memo": MEMOS, "tags": TAGS}
    needed = {"kind": KINDS, "amount": amounts(book["currency"]), "occurred_on": ISO_DAYS}
    return st.fixed_dictionaries(needed, optional=optional)


def patches(book: Json) -> st.SearchStrategy[Json]:
    fields = {
        "kind": KINDS,
        "amount": amounts(book["currency"]),
        "occurred_on": ISO_DAYS,
        "category_id": category_ids(book),
        "memo": st.none() | MEMOS,
        "tags": st.none() | TAGS,
    }
    return st.fixed_dictionaries({}, optional=fields)


def category_ids(book: Json) -> st.SearchStrategy[str | None]:
    return st.none() | st.sampled_from(sorted(book["categories"])[:4] + sorted(book["categories"])[-4:])


# ── the service ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Household:
    """Two workers on one database, which take turns, and the users' access tokens."""

    runner: asyncio.Runner
    workers: Iterator[TestClient[Any, Any]]
    tokens: dict[str, str]

    async def send(self, call: Call) -> tuple[int, Json, str]:
        headers = {"If-Match": call.if_match} if call.if_match else {}
        return await self.request(call.user, call.method, call.path, json=call.body, headers=headers)

    async def request(self, user: str, method: str, path: str, **options: Any) -> tuple[int, Json, str]:
        """Returns: status, body ({} for none), entity tag."""
        headers = {"Authorization": f"Bearer {self.tokens[user]}", **options.pop("headers", {})}
        async with next(self.workers).request(method, path, headers=headers, **options) as response:
            body = await response.json(content_type=None) if await response.read() else {}
            return response.status, body, response.headers.get("ETag", "")

    async def get(self, user: str, path: str, params: Any = ()) -> Json:
        status, body, _ = await self.request(user, "GET", path, params=params)
        assert status == 200, (path, params, body)
        return body

    async def pages(self, user: str, path: str, params: Any = (), limit: int = 200) -> list[Json]:
        """Read a list page by page to its end."""
        items: list[Json] = []
        cursor: list[tuple[str, str]] = []
        while True:
            page = await self.get(user, path, [*params, ("limit", str(limit)), *cursor])
            items += page["items"]
            assert len(page["items"]) <= limit
            if page["next_cursor"] is None:
                return items
            cursor = [("cursor", page["next_cursor"])]


@contextmanager
def opened_household(server: str, data_dir: Path) -> Iterator[Household]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        household = runner.run(_open(runner, stack, server, data_dir))
        try:
            yield household
        finally:
            runner.run(stack.aclose())


async def _open(runner: asyncio.Runner, stack: AsyncExitStack, server: str, data_dir: Path) -> Household:
    dsn = await stack.enter_async_context(fresh_database(server, TEMPLATE))
    of_service = Settings(database_url=dsn, master_key=MASTER_KEY.text, data_dir=data_dir)
    workers = [await _open_worker(stack, of_service) for _ in range(2)]
    tokens = dict([await _sign_up(workers[0], f"user{number}@example.com") for number in range(USERS)])
    return Household(runner, itertools.cycle(workers), tokens)


async def _open_worker(stack: AsyncExitStack, of_service: Settings) -> TestClient[Any, Any]:
    app = await stack.enter_async_context(open_app(of_service, of_service.database_url))
    return await stack.enter_async_context(TestClient(TestServer(app)))


async def _sign_up(client: TestClient[Any, Any], email: str) -> tuple[str, str]:
    credentials = {"email": email, "password": "correct horse battery staple"}
    async with client.post("/users/signup", json=credentials) as response:
        user = await response.json()
    async with client.post("/users/signin", json=credentials) as response:
        return user["id"], (await response.json())["access_token"]


# ── the machine ──────────────────────────────────────────────────────────────────────────────────────────


class Machine(RuleBasedStateMachine):
    """Users act on their books, one by one or at once; `world` is what must be there."""

    def __init__(self, household: Household) -> None:
        super().__init__()
        self.household = household
        self.run = household.runner.run
        self.users = sorted(household.tokens)
        self.world: World = {}
        self.seen: dict[str, list[Seen]] = {}
        self.touched: set[str] = set()
        self.dice = Random(0)

    @initialize(seed=st.integers(0, 2**32), data=st.data())
    def begin(self, seed: int, data: st.DataObject) -> None:
        self.dice = Random(seed)
        for user in self.users[:2]:
            self.open_book(data, user)

    def teardown(self) -> None:
        """Leave nothing in the wallet of the next machine's users."""
        for book_id, book in self.world.items():
            if not book["deleted"]:
                self.run(self.household.send(model.delete_book(book["owner"], book_id)))

    # one call alone: the model knows its answer

    def alone(self, call: Call) -> None:
        status, body, etag = self.run(self.household.send(call))
        after = model.outcome(self.world, call, status, body)
        assert after is not None, (call, status, body, _verdict(self.world, call, body))
        self.world = after
        self.touch(call, body, etag)

    def touch(self, call: Call, body: Json, etag: str = "") -> None:
        book_id = body["id"] if call.path == "/books" else call.path.split("/")[2]
        self.touched.add(book_id)
        if etag:
            self.seen.setdefault(body["id"], []).append(Seen(etag, model.lasting(body)))

    @precondition(lambda self: len(self.world) < 4)
    @rule(data=st.data())
    def open_another_book(self, data: st.DataObject) -> None:
        self.open_book(data, data.draw(st.sampled_from(self.users)))

    def open_book(self, data: st.DataObject, user: str) -> None:
        currency = data.draw(st.sampled_from(sorted(model.DECIMALS)))
        opening = data.draw(amounts(currency, smallest=-50_000))
        body = {"name": data.draw(NAMES), "currency": currency, "opening_balance": opening}
        self.alone(model.open_book(user, body))
        book_id = max(self.touched)
        categories = self.run(self.household.pages(user, f"/books/{book_id}/categories"))
        self.world[book_id]["categories"] = {category["id"]: category for category in categories}

    @rule(data=st.data())
    def record_entries(self, data: st.DataObject) -> None:
        user, book_id = self.a_book(data)
        for body in data.draw(st.lists(entries(self.world[book_id]), min_size=1, max_size=3)):
            self.alone(model.record_entry(user, book_id, body))

    @precondition(lambda self: self.entry_ids())
    @rule(data=st.data())
    def change_an_entry(self, data: st.DataObject) -> None:
        self.alone(self.entry_call(data, *pick(data, self.entry_ids())))

    @precondition(lambda self: self.entry_ids())
    @rule(data=st.data())
    def delete_an_entry_twice(self, data: st.DataObject) -> None:
        """A client that did not hear the answer asks again."""
        book_id, entry_id = pick(data, self.entry_ids())
        for _ in range(2):
            self.alone(model.delete_entry(self.world[book_id]["owner"], book_id, entry_id))

    @precondition(lambda self: self.entry_ids())
    @rule(data=st.data())
    def look_at_an_entry(self, data: st.DataObject) -> None:
        book_id, entry_id = pick(data, self.entry_ids())
        self.alone(model.show_entry(self.world[book_id]["owner"], book_id, entry_id))

    @rule(data=st.data())
    def change_a_category(self, data: st.DataObject) -> None:
        self.alone(self.category_call(data, *self.a_book(data)))

    @rule(data=st.data())
    def change_a_book(self, data: st.DataObject) -> None:
        self.alone(self.book_call(data, *self.a_book(data)))

    @rule(data=st.data())
    def meddle_as_a_stranger(self, data: st.DataObject) -> None:
        """What is not yours is not there, whatever you ask of it."""
        owner, book_id = self.a_book(data)
        stranger = data.draw(st.sampled_from([user for user in self.users if user != owner]))
        found = [model.show_book(stranger, book_id), self.book_call(data, stranger, book_id)]
        found += [self.category_call(data, stranger, book_id), self.record_call(data, stranger, book_id)]
        found += [self.entry_call(data, *ids, user=stranger) for ids in self.entry_ids() if ids[0] == book_id][:2]
        for status, body, _ in self.run(self.at_once(found)):
            assert (404, "/problems/book-not-found") == (status, body["type"])
        lists = [f"/books/{book_id}/{name}" for name in ("entries", "totals", "categories")]
        for status, body, _ in self.run(self.all_of(self.household.request(stranger, "GET", path) for path in lists)):
            assert (404, "/problems/book-not-found") == (status, body["type"])

    # many calls at once: some order of them explains every answer

    async def all_of(self, requests: Any) -> list[Any]:
        return await asyncio.gather(*requests)

    def at_once(self, calls: list[Call]) -> Any:
        return self.all_of(self.household.send(call) for call in calls)

    def race(self, calls: list[Call]) -> None:
        answers = self.run(self.at_once(calls))
        answered = [(call, status, body) for call, (status, body, _) in zip(calls, answers, strict=True)]
        worlds = model.explanations(self.world, answered)
        assert worlds, answered
        for call, _, body in answered:
            self.touch(call, body)
        views = self.run(self.views_of_touched())
        matching = [world for world in worlds if self.model_views(world) == views]
        assert matching, (views, [self.model_views(world) for world in worlds])
        self.world = matching[0]

    @precondition(lambda self: self.entry_ids())
    @rule(data=st.data())
    def race_for_one_entry(self, data: st.DataObject) -> None:
        book_id, entry_id = pick(data, self.entry_ids())
        self.race([self.entry_call(data, book_id, entry_id) for _ in range(self.racers(data))])

    @rule(data=st.data())
    def race_in_one_book(self, data: st.DataObject) -> None:
        """Entries are recorded and changed while their categories and their book come and go."""
        user, book_id = self.a_book(data)
        kinds = [self.record_call, self.record_call, self.category_call, self.racing_book_call]
        calls = [data.draw(st.sampled_from(kinds))(data, user, book_id) for _ in range(self.racers(data))]
        ids = [ids for ids in self.entry_ids() if ids[0] == book_id]
        if ids:
            calls[0] = self.entry_call(data, *pick(data, ids))
        self.race(calls)

    @rule(data=st.data())
    def race_for_one_name(self, data: st.DataObject) -> None:
        user, book_id = self.a_book(data)
        body = {"name": data.draw(NAMES), "kind": data.draw(KINDS)}
        self.race([model.add_category(user, book_id, body) for _ in range(self.racers(data))])

    @rule(data=st.data())
    def race_across_books(self, data: st.DataObject) -> None:
        self.race([self.record_call(data, *self.a_book(data)) for _ in range(self.racers(data))])

    # calls, drawn

    def racers(self, data: st.DataObject) -> int:
        return data.draw(st.integers(2, RACERS_MAX))

    def a_book(self, data: st.DataObject) -> tuple[str, str]:
        book_id = pick(data, sorted(self.world))
        return self.world[book_id]["owner"], book_id

    def entry_ids(self) -> list[tuple[str, str]]:
        return [(book_id, entry_id) for book_id in sorted(self.world) for entry_id in self.world[book_id]["entries"]]

    def record_call(self, data: st.DataObject, user: str, book_id: str) -> Call:
        return model.record_entry(user, book_id, data.draw(entries(self.world[book_id])))

    def entry_call(self, data: st.DataObject, book_id: str, entry_id: str, user: str = "") -> Call:
        """A change of an entry, sometimes on condition that it is as it was seen, lately or long ago."""
        target = (user or self.world[book_id]["owner"], book_id, entry_id)
        seen = self.a_sight(data, entry_id)
        method = data.draw(st.sampled_from(["amend", "amend", "delete", "restore", "duplicate"]))
        if method == "amend":
            return model.amend_entry(*target, data.draw(patches(self.world[book_id])), seen)
        if method == "duplicate":
            body = data.draw(st.fixed_dictionaries({}, optional={"occurred_on": ISO_DAYS}))
            return model.duplicate_entry(*target, body, seen)
        return (model.delete_entry if method == "delete" else model.restore_entry)(*target, seen)

    def category_call(self, data: st.DataObject, user: str, book_id: str) -> Call:
        book = self.world[book_id]
        category_id = data.draw(category_ids(book).filter(bool))
        seen = self.a_sight(data, category_id)
        method = data.draw(st.sampled_from(["add", "rename", "delete", "restore"]))
        if method == "add":
            return model.add_category(user, book_id, {"name": data.draw(NAMES), "kind": data.draw(KINDS)})
        if method == "rename":
            return model.rename_category(user, book_id, category_id, {"name": data.draw(NAMES)}, seen)
        return (model.delete_category if method == "delete" else model.restore_category)(
            user, book_id, category_id, seen
        )

    def book_call(self, data: st.DataObject, user: str, book_id: str, *, racing: bool = False) -> Call:
        method = data.draw(st.sampled_from(["amend", "show", "delete", "restore", "restore"]))
        if method == "show":
            return model.show_book(user, book_id)
        # In a race an entry may come between comparison and change: no harm, but explained by no order either.
        seen = None if racing else self.a_sight(data, book_id)
        if method == "amend":
            fields = {"name": NAMES, "description": MEMOS}
            fields["opening_balance"] = amounts(self.world[book_id]["currency"], smallest=-50_000)
            return model.amend_book(user, book_id, data.draw(st.fixed_dictionaries({}, optional=fields)), seen)
        return (model.delete_book if method == "delete" else model.restore_book)(user, book_id, seen)

    def racing_book_call(self, data: st.DataObject, user: str, book_id: str) -> Call:
        return self.book_call(data, user, book_id, racing=True)

    def a_sight(self, data: st.DataObject, resource_id: str) -> Seen | None:
        """A resource as it was seen, lately or long ago, for If-Match; None for a client that does not care."""
        return data.draw(st.none() | st.sampled_from(self.seen.get(resource_id, [])[-3:] or [None]))

    # after every step

    @invariant()
    def service_agrees(self) -> None:
        """What a step touched is compared as a whole, each time through other filters, ranges and page sizes."""
        owners = sorted({self.world[book_id]["owner"] for book_id in self.touched})
        checks = [self.wallet_agrees(user) for user in owners]
        for book_id in self.touched:
            checks += [self.book_agrees(book_id), self.categories_agree(book_id)]
            checks += [self.list_agrees(book_id, {"state": "all", "sort": self.dice.choice(SORTS)})]
            checks += [self.list_agrees(book_id, self.a_query(book_id)) for _ in range(2)]
            checks += [self.totals_agree(book_id, grouping) for grouping in (None, "day", "month", "category")]
        self.run(self.all_of(checks))
        self.touched.clear()

    async def wallet_agrees(self, user: str) -> None:
        assert model.wallet_view(self.world, user) == await self.household.get(user, "/wallet")
        books = await self.household.pages(user, "/books", limit=self.dice.randint(1, 3))
        expected = [model.book_view(self.world, book_id) for book_id in model.books_of(self.world, user, deleted=False)]
        assert expected == [model.lasting(book) for book in books]

    async def book_agrees(self, book_id: str) -> None:
        book = await self.household.get(self.world[book_id]["owner"], f"/books/{book_id}")
        assert model.book_view(self.world, book_id) == model.lasting(book)
        assert book["created_at"] <= book["updated_at"]

    async def categories_agree(self, book_id: str) -> None:
        book = self.world[book_id]
        for state, deleted in [self.dice.choice([("all", {True, False}), ("live", {False}), ("deleted", {True})])]:
            path, limit = f"/books/{book_id}/categories", self.dice.randint(5, 20)
            listed = await self.household.pages(book["owner"], path, [("state", state)], limit)
            assert [
                book["categories"][key]
                for key in sorted(book["categories"])
                if book["categories"][key]["deleted"] in deleted
            ] == listed

    async def list_agrees(self, book_id: str, query: Json) -> None:
        params = [
            (name, word) for name, value in query.items() for word in (value if isinstance(value, list) else [value])
        ]
        path, limit = f"/books/{book_id}/entries", self.dice.choice([2, 5, 200])
        listed = await self.household.pages(self.world[book_id]["owner"], path, params, limit)
        assert model.list_view(self.world, book_id, query) == [model.lasting(entry) for entry in listed], query
        assert all(entry["created_at"] <= entry["updated_at"] for entry in listed)

    async def totals_agree(self, book_id: str, grouping: str | None) -> None:
        start, end = self.a_range()
        params = {"from": start.isoformat(), "to": end.isoformat(), **({"group_by": grouping} if grouping else {})}
        if (start, end) == (date.min, date.max):
            params = {name: value for name, value in params.items() if name == "group_by"}
        totals = await self.household.get(self.world[book_id]["owner"], f"/books/{book_id}/totals", params)
        assert model.totals_view(self.world, book_id, start, end, grouping) == totals, params

    def a_range(self) -> tuple[date, date]:
        days = [*EDGES, *(date(2023 + n // 12, n % 12 + 1, d) for n in range(10, 15) for d in (1, 15, 28))]
        start, end = sorted(self.dice.choices(days, k=2))
        return self.dice.choice([(start, end), (start, end), (date.min, date.max), (date.min, end)])

    def a_query(self, book_id: str) -> Json:
        start, end = self.a_range()
        categories = sorted(self.world[book_id]["categories"])
        query = {
            "from": start.isoformat(),
            "to": end.isoformat(),
            "kind": self.dice.choice(["income", "expense"]),
            "category_id": self.dice.sample(categories, 3),
            "tag": self.dice.choice(["food", "FOOD", "여행", "b%"]),
            "q": self.dice.choice(["lunch", "점", "café", "%", "b", "식비", "\\"]),
            "min_amount": str(self.dice.choice([1, 20, 300])),
            "max_amount": str(self.dice.choice([1, 500, 40_000])),
            "state": self.dice.choice(["live", "deleted", "all"]),
            "sort": self.dice.choice(SORTS),
        }
        return {name: query[name] for name in self.dice.sample(sorted(query), 3)}

    async def views_of_touched(self) -> dict[str, Any]:
        """What tells apart the worlds that several orders of a race lead to."""
        return {book_id: await self.views_of(book_id) for book_id in self.touched}

    async def views_of(self, book_id: str) -> Json:
        user, path = self.world[book_id]["owner"], f"/books/{book_id}"
        book = await self.household.get(user, path)
        listed = await self.household.pages(user, f"{path}/entries", [("state", "all")])
        categories = await self.household.pages(user, f"{path}/categories", [("state", "all")])
        return {"book": model.lasting(book), "entries": [*map(model.lasting, listed)], "categories": categories}

    def model_views(self, world: World) -> Json:
        return {
            book_id: {
                "book": model.book_view(world, book_id),
                "entries": model.list_view(world, book_id, {"state": "all"}),
                "categories": [category for _, category in sorted(world[book_id]["categories"].items())],
            }
            for book_id in self.touched
        }


def _verdict(world: World, call: Call, body: Json) -> Any:
    """What the model would have answered, for the message of a failure."""
    try:
        return call.act(copy.deepcopy(world), body)
    except model.Refused as refused:
        return refused.answer


def test_any_interleaving_of_clients_leaves_what_the_answers_say(server, tmp_path):
    with opened_household(server, tmp_path) as household:
        for _ in range(RUNS):
            run_state_machine_as_test(lambda: Machine(household), settings=PROFILE)


def test_an_edit_that_changes_nothing_is_refused_in_a_book_that_another_worker_deleted(server, tmp_path):
    with opened_household(server, tmp_path) as household:
        user = min(household.tokens)
        here, there = next(household.workers), next(household.workers)

        async def ask(
            worker: TestClient[Any, Any], method: str, path: str, body: Json | None = None
        ) -> tuple[int, Json]:
            household.workers = itertools.repeat(worker)
            return (await household.request(user, method, path, json=body))[:2]

        async def play() -> int:
            _, book = await ask(here, "POST", "/books", {"name": "집"})
            path = f"/books/{book['id']}"
            entry = {"kind": "income", "amount": "1", "occurred_on": "2024-03-01"}
            _, entry = await ask(here, "POST", f"{path}/entries", entry)
            await ask(there, "DELETE", path)
            return (await ask(here, "PATCH", f"{path}/entries/{entry['id']}", {}))[0]

        assert 409 == household.runner.run(play())
