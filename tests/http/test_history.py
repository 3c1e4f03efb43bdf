"""History: who changed what, and when, of entries, books and categories."""

import pytest

from tests.http.conftest import NOWHERE, path_of


def told(items):
    return [(item["type"], item["changes"]) for item in items]


async def test_history_of_an_entry_tells_every_change_from_and_to(home, book):
    food, other = await home.category(book, "식비"), await home.category(book, "쇼핑")
    entry = await home.record(book, memo="점심", category_id=food["id"], tags=["외식"])
    await home.patch(path_of(entry), {"amount": "15000", "category_id": other["id"], "memo": "저녁"})
    await home.delete(path_of(entry))
    await home.post(f"{path_of(entry)}/restore")
    items = (await home.get(f"{path_of(entry)}/history")).items

    assert told(items) == [
        (
            "entry.recorded",
            {
                "kind": {"from": None, "to": "expense"},
                "amount": {"from": None, "to": "12000"},
                "occurred_on": {"from": None, "to": "2026-02-17"},
                "category": {"from": None, "to": food},
                "memo": {"from": None, "to": "점심"},
                "tags": {"from": None, "to": ["외식"]},
                "deleted": {"from": None, "to": False},
            },
        ),
        (
            "entry.amended",
            {
                "amount": {"from": "12000", "to": "15000"},
                "category": {"from": food, "to": other},
                "memo": {"from": "점심", "to": "저녁"},
            },
        ),
        ("entry.deleted", {"deleted": {"from": False, "to": True}}),
        ("entry.restored", {"deleted": {"from": True, "to": False}}),
    ]
    me = (await home.get("/users/me")).json
    assert [{"id": me["id"], "name": "김미나"}] * 4 == [item["actor"] for item in items]
    assert [(1, 2), (2, 3), (3, 4), (4, 5)] == [(item["version"], item["position"]) for item in items]
    assert sorted(item["recorded_at"] for item in items) == [item["recorded_at"] for item in items]


async def test_history_until_a_moment_knows_nothing_of_what_came_later(home, book):
    entry = await home.record(book)
    await home.patch(path_of(entry), {"memo": "later"})
    items = (await home.get(f"{path_of(entry)}/history")).items
    for known_at in ("2", items[0]["recorded_at"]):
        assert items[:1] == (await home.get(f"{path_of(entry)}/history", params={"known_at": known_at})).items
    assert (404, "entry-not-found") == (await home.get(f"{path_of(entry)}/history?known_at=1")).outcome
    assert (404, "book-not-found") == (await home.get(f"{path_of(entry)}/history?known_at=0")).outcome


async def test_history_of_a_reverted_entry_says_to_which_version(home, book):
    entry = await home.record(book, memo="one")
    await home.patch(path_of(entry), {"memo": "two"})
    await home.post(f"{path_of(entry)}/revert", {"version": 1})
    last = (await home.get(f"{path_of(entry)}/history")).items[-1]
    assert ("entry.reverted", {"memo": {"from": "two", "to": "one"}}, 1) == (
        last["type"],
        last["changes"],
        last["to_version"],
    )


async def test_history_of_a_book_tells_of_its_name_its_categories_and_its_closed_periods(home, book):
    path = f"/books/{book['id']}"
    await home.patch(path, {"name": "새집", "opening_balance": "500"})
    pets = await home.made(f"{path}/categories", {"name": "반려동물", "kind": "expense"})
    await home.patch(f"{path}/categories/{pets['id']}", {"name": "강아지"})
    await home.made(f"{path}/closings", {"through": "2026-01-31"})
    await home.ask("DELETE", f"{path}/closings/latest", json={"reason": "a bill came late"})
    items = (await home.get(f"{path}/history")).items

    named = {"name": "반려동물", "kind": "expense", "deleted": False}
    assert told(items)[1:] == [
        ("book.amended", {"name": {"from": "우리집", "to": "새집"}, "opening_balance": {"from": "0", "to": "500"}}),
        ("book.category_added", {f"categories.{pets['id']}": {"from": None, "to": named}}),
        (
            "book.category_renamed",
            {f"categories.{pets['id']}": {"from": named, "to": {**named, "name": "강아지"}}},
        ),
        ("book.period_closed", {"closed_through": {"from": None, "to": "2026-01-31"}}),
        ("book.period_reopened", {"closed_through": {"from": "2026-01-31", "to": None}}),
    ]
    assert "a bill came late" == items[-1]["reason"]
    assert {"from": None, "to": "우리집"} == items[0]["changes"]["name"]


async def test_history_of_a_category_tells_of_it_alone(home, book):
    path = f"/books/{book['id']}"
    pets = await home.made(f"{path}/categories", {"name": "반려동물", "kind": "expense"})
    await home.patch(path, {"name": "새집"})
    await home.delete(f"{path}/categories/{pets['id']}")
    items = (await home.get(f"{path}/categories/{pets['id']}/history")).items
    assert told(items) == [
        (
            "book.category_added",
            {
                "name": {"from": None, "to": "반려동물"},
                "kind": {"from": None, "to": "expense"},
                "deleted": {"from": None, "to": False},
            },
        ),
        ("book.category_deleted", {"deleted": {"from": False, "to": True}}),
    ]


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        (f"entries/{NOWHERE}/history", "entry-not-found"),
        ("entries/nothing/history", "entry-not-found"),
        (f"categories/{NOWHERE}/history", "category-not-found"),
    ],
)
async def test_history_of_nothing_is_not_found(home, stranger, book, path, slug):
    assert (404, slug) == (await home.get(f"/books/{book['id']}/{path}")).outcome
    assert (404, "book-not-found") == (
        await stranger.get(f"/books/{book['id']}/{path.replace('nothing', NOWHERE)}")
    ).outcome


async def test_history_of_what_is_no_entry_is_not_found(home, book):
    assert (404, "entry-not-found") == (await home.get(f"/books/{book['id']}/entries/{book['id']}/history")).outcome


@pytest.mark.parametrize("known_at", ["yesterday", "2026-11-02", "2026-11-02T09:00:00", "-1", "1.5", "9" * 19])
async def test_moment_in_no_known_form_is_refused(home, book, known_at):
    answer = await home.get(f"/books/{book['id']}/history", params={"known_at": known_at})
    assert {"known_at"} == answer.errors.keys()
