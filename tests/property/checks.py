"""What a household reads is compared with the model, each time through other eyes, filters, ranges and page sizes."""

from datetime import date
from random import Random
from typing import Any

from tests.property import views
from tests.property.drawn import EDGES
from tests.property.household import Household
from tests.property.model import Json, World, lasting

SORTS = ("-occurred_on", "occurred_on", "amount", "-amount", "-recorded_at")
GROUPINGS = (None, "day", "month", "category", "member")
ALL = [("state", "all")]


class Checks:
    def __init__(self, household: Household, dice: Random) -> None:
        self.household, self.dice = household, dice

    def checks_of(self, world: World, book_id: str) -> list[Any]:
        """Everything that a step may have touched, as any member may read it."""
        checks = [
            check(world, self.reader(world, book_id), book_id) for check in (self.book, self.categories, self.people)
        ]
        checks.append(self.wallet(world, self.reader(world, book_id)))
        queries = [{"state": "all", "sort": self.dice.choice(SORTS)}, self.a_query(world, book_id)]
        checks += [self.entries(world, self.reader(world, book_id), book_id, query) for query in queries]
        checks += [check(world, self.reader(world, book_id), book_id) for check in (self.statements, self.spending)]
        groupings = self.dice.sample(GROUPINGS, 3)
        return checks + [self.totals(world, self.reader(world, book_id), book_id, grouping) for grouping in groupings]

    def reader(self, world: World, book_id: str) -> str:
        return self.dice.choice(sorted(world.books[book_id]["members"]))

    async def wallet(self, world: World, user: str) -> None:
        assert views.wallet_view(world, user) == await self.household.get(user, "/wallet")
        books = await self.household.pages(user, "/books", limit=self.dice.randint(1, 3))
        expected = [views.book_view(world, user, book_id) for book_id in views.books_of(world, user, deleted=False)]
        assert expected == lasting(books)

    async def book(self, world: World, user: str, book_id: str) -> None:
        book = await self.household.get(user, f"/books/{book_id}")
        assert views.book_view(world, user, book_id) == lasting(book)
        assert book["created_at"] <= book["updated_at"]

    async def categories(self, world: World, user: str, book_id: str) -> None:
        state, deleted = self.dice.choice([("all", {True, False}), ("live", {False}), ("deleted", {True})])
        path, limit = f"/books/{book_id}/categories", self.dice.randint(5, 20)
        listed = await self.household.pages(user, path, [("state", state)], limit)
        assert views.categories_view(world, book_id, deleted) == listed

    async def people(self, world: World, user: str, book_id: str) -> None:
        members = await self.household.get(user, f"/books/{book_id}/members")
        assert views.members_view(world, book_id) == members["items"]
        closings = await self.household.get(user, f"/books/{book_id}/closings")
        assert world.books[book_id]["closings"] == closings["items"]

    async def entries(self, world: World, user: str, book_id: str, query: Json) -> None:
        values = {name: value if isinstance(value, list) else [value] for name, value in query.items()}
        params = [(name, word) for name, words in values.items() for word in words]
        listed = await self.household.pages(user, f"/books/{book_id}/entries", params, self.dice.choice([2, 5, 200]))
        assert views.list_view(world, book_id, query) == lasting(listed), query
        assert all(entry["created_at"] <= entry["updated_at"] for entry in listed)

    async def totals(self, world: World, user: str, book_id: str, grouping: str | None) -> None:
        start, end = self.a_range()
        params = {"from": start.isoformat(), "to": end.isoformat(), **({"group_by": grouping} if grouping else {})}
        if (start, end) == (date.min, date.max):
            params = {name: value for name, value in params.items() if name == "group_by"}
        totals = await self.household.get(user, f"/books/{book_id}/totals", params)
        assert views.totals_view(world, book_id, start, end, grouping) == totals, params

    async def statements(self, world: World, user: str, book_id: str) -> None:
        months = await self.household.pages(user, f"/books/{book_id}/statements", limit=self.dice.choice([1, 3, 200]))
        assert views.statements_view(world, book_id) == months
        month = self.dice.choice([each["month"] for each in months] + [self.a_month()])
        statement = await self.household.get(user, f"/books/{book_id}/statements/{month}")
        assert views.statement_view(world, book_id, month) == statement

    async def spending(self, world: World, user: str, book_id: str) -> None:
        first, last = sorted([self.a_month(), self.a_month()])
        spending = await self.household.get(user, f"/books/{book_id}/spending", {"from": first, "to": last})
        assert views.spending_view(world, book_id, first, last) == spending, (first, last)

    def a_month(self) -> str:
        return self.a_range()[self.dice.randint(0, 1)].isoformat()[:7]

    def a_range(self) -> tuple[date, date]:
        days = [*EDGES, *(date(2023 + n // 12, n % 12 + 1, d) for n in range(10, 15) for d in (1, 15, 28))]
        start, end = sorted(self.dice.choices(days, k=2))
        return self.dice.choice([(start, end), (start, end), (date.min, date.max), (date.min, end)])

    def a_query(self, world: World, book_id: str) -> Json:
        start, end = self.a_range()
        query = {
            "from": start.isoformat(),
            "to": end.isoformat(),
            "kind": self.dice.choice(["income", "expense", "transfer"]),
            "category_id": self.dice.sample(sorted(world.books[book_id]["categories"]), 3),
            "tag": self.dice.choice(["food", "FOOD", "여행", "b%"]),
            "q": self.dice.choice(["lunch", "점", "café", "%", "b", "식비", "\\"]),
            "min_amount": str(self.dice.choice([1, 20, 300])),
            "max_amount": str(self.dice.choice([1, 500, 40_000])),
            "state": self.dice.choice(["live", "deleted", "all"]),
            "sort": self.dice.choice(SORTS),
        }
        return {name: query[name] for name in self.dice.sample(sorted(query), 3)}

    # history

    async def entry_history(self, world: World, user: str, ids: tuple[str, str]) -> None:
        """The changes, one after the other, end in what the entry is; each version can still be seen."""
        path, entry = f"/books/{ids[0]}/entries/{ids[1]}", world.books[ids[0]]["entries"][ids[1]]
        items = (await self.household.get(user, f"{path}/history"))["items"]
        assert views.entry_fields(world, *ids) == _replayed(items)
        assert entry["by"] == [item["actor"]["id"] for item in items]
        assert [*range(1, len(entry["past"]) + 1)] == [item["version"] for item in items]
        item = self.dice.choice(items)
        for known_at in (str(item["position"]), item["recorded_at"]):
            then = await self.household.get(user, path, {"known_at": known_at, "state": "all"})
            assert (item["version"], item["recorded_at"]) == (then["version"], then["updated_at"])

    async def book_history(self, world: World, user: str, book_id: str) -> None:
        items = (await self.household.get(user, f"/books/{book_id}/history", {"limit": "200"}))["items"]
        replayed = {name: value for name, value in _replayed(items).items() if value is not None}
        expected = {name: value for name, value in views.book_fields(world, book_id).items() if value is not None}
        assert expected == replayed
        assert [*range(1, world.books[book_id]["version"] + 1)] == [item["version"] for item in items]
        assert items[-1]["position"] <= views.position(world.books[book_id])

    # what is told apart, and what is remembered

    async def telling(self, user: str, book_id: str) -> Json:
        """What tells apart the worlds that several orders of a race lead to."""
        path = f"/books/{book_id}"
        members = (await self.household.get(user, f"{path}/members"))["items"]
        return {
            "book": lasting(await self.household.get(user, path)),
            "entries": lasting(await self.household.pages(user, f"{path}/entries", ALL)),
            "categories": await self.household.pages(user, f"{path}/categories", ALL),
            "roles": {member["user_id"]: member["role"] for member in members},
        }

    def told(self, world: World, user: str, book_id: str) -> Json:
        """The same of the model."""
        members = world.books[book_id]["members"]
        return {
            "book": views.book_view(world, user, book_id),
            "entries": views.list_view(world, book_id, {"state": "all"}),
            "categories": views.categories_view(world, book_id, {True, False}),
            "roles": {member: members[member]["role"] for member in members},
        }

    async def everything(self, user: str, book_id: str, known_at: int | None = None) -> Json:
        """All that can be read of a book but the reader's own role, now or as it was known."""
        path, moment = f"/books/{book_id}", [] if known_at is None else [("known_at", str(known_at))]
        book = await self.household.get(user, path, moment)
        groupings = [[("group_by", name)] if name else [] for name in GROUPINGS]
        return {
            "book": {name: value for name, value in book.items() if name != "role"},
            "members": (await self.household.get(user, f"{path}/members", moment))["items"],
            "closings": (await self.household.get(user, f"{path}/closings", moment))["items"],
            "categories": await self.household.pages(user, f"{path}/categories", [*ALL, *moment], limit=20),
            "entries": {
                sort: await self.household.pages(user, f"{path}/entries", [*ALL, ("sort", sort), *moment], limit=7)
                for sort in SORTS
            },
            "totals": [await self.household.get(user, f"{path}/totals", [*asked, *moment]) for asked in groupings],
        }


def _replayed(items: list[Json]) -> Json:
    """What the changes of a history come to; each must begin where those before it ended."""
    fields: Json = {}
    for item in items:
        for name, change in item["changes"].items():
            assert fields.get(name) == change["from"], (name, items)
            fields[name] = change["to"]
    return fields
