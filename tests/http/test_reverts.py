"""Reverts: an entry is again what it was at any of its versions, by a new event."""

import pytest

from tests.http.conftest import NOWHERE, entries_of, path_of

SHOWN = ("kind", "amount", "occurred_on", "category", "memo", "tags", "deleted")


@pytest.fixture
async def versions(home, book):
    """An entry through its life: recorded, amended, deleted, restored and amended; as it was at each version."""
    food, pay = await home.category(book, "식비"), await home.category(book, "급여", "income")
    first = await home.record(book, category_id=food["id"], memo="점심", tags=["외식"])
    path = path_of(first)
    second = (await home.patch(path, {"kind": "income", "amount": 7, "category_id": pay["id"], "memo": None})).json
    await home.delete(path)
    third = (await home.get(f"{path}?state=all")).json
    fourth = (await home.post(f"{path}/restore")).json
    fifth = (await home.patch(path, {"occurred_on": "2026-03-01", "tags": ["x", "y"], "category_id": None})).json
    return [first, second, third, fourth, fifth]


def content(entry):
    return {name: entry[name] for name in SHOWN}


@pytest.mark.parametrize("version", [1, 2, 3, 4])
async def test_entry_reverted_is_what_it_was_at_any_version(home, book, versions, version):
    path, then = path_of(versions[0]), versions[version - 1]
    answer = await home.post(f"{path}/revert", {"version": version})
    read = await home.get(f"{path}?state=all")

    assert (200, 6, content(then)) == (answer.status, answer.json["version"], content(answer.json))
    assert (read.content, read.headers["ETag"]) == (answer.content, answer.headers["ETag"])
    for name in ("id", "created_at", "created_by"):
        assert versions[0][name] == answer.json[name]
    assert versions[-1]["updated_at"] < answer.json["updated_at"]
    totals = (await home.get(f"/books/{book['id']}")).json
    counted = {"income": "0", "expense": "0", **({} if then["deleted"] else {then["kind"]: then["amount"]})}
    assert counted == {name: totals[name] for name in counted}
    assert int(not then["deleted"]) == totals["entry_count"]


async def test_entry_reverted_to_what_it_is_stays_as_it_is(home, versions):
    answer = await home.post(f"{path_of(versions[0])}/revert", {"version": 5})
    assert (200, versions[-1]) == (answer.status, answer.json)
    assert 5 == len((await home.get(f"{path_of(versions[0])}/history")).items)


async def test_revert_is_itself_reverted(home, versions):
    path = f"{path_of(versions[0])}/revert"
    await home.post(path, {"version": 1})
    answer = await home.post(path, {"version": 5})
    assert (7, content(versions[-1])) == (answer.json["version"], content(answer.json))


async def test_deleted_entry_reverted_is_live_again(home, book, versions):
    path = path_of(versions[0])
    await home.delete(path)
    answer = await home.post(f"{path}/revert", {"version": 1})
    assert content(versions[0]) == content(answer.json)
    assert [answer.json] == (await home.get(entries_of(book))).items


async def test_entry_reverted_keeps_a_category_that_was_deleted_since(home, book, versions):
    category = versions[0]["category"]
    await home.delete(f"/books/{book['id']}/categories/{category['id']}")
    answer = await home.post(f"{path_of(versions[0])}/revert", {"version": 1})
    assert (200, {**category, "deleted": True}) == (answer.status, answer.json["category"])


async def test_revert_takes_a_version_that_there_is(home, versions):
    path = f"{path_of(versions[0])}/revert"
    for version in (0, -1, -5, 6, 2**31, 2**70):
        assert ["version"] == list((await home.post(path, {"version": version})).errors), version
    for body in ({}, {"version": None}, {"version": "1"}, {"version": 1.5}, {"version": True}):
        assert ["version"] == list((await home.post(path, body)).errors), body
    assert ["x"] == list((await home.post(path, {"version": 1, "x": 1})).errors)
    assert versions[-1] == (await home.get(path_of(versions[0]))).json


async def test_revert_is_not_found_where_there_is_no_such_entry(home, stranger, book, versions):
    body = {"version": 1}
    for entry in (NOWHERE, "x", book["id"]):
        assert (404, "entry-not-found") == (await home.post(f"{entries_of(book)}/{entry}/revert", body)).outcome
    assert (404, "book-not-found") == (await stranger.post(f"{path_of(versions[0])}/revert", body)).outcome


async def test_revert_is_refused_by_a_stale_if_match_and_in_a_deleted_book(home, book, versions):
    path = f"{path_of(versions[0])}/revert"
    answer = await home.post(path, {"version": 1}, headers={"If-Match": '"x"'})
    assert (412, "entry-changed") == answer.outcome
    await home.delete(f"/books/{book['id']}")
    assert (409, "book-deleted") == (await home.post(path, {"version": 1})).outcome
