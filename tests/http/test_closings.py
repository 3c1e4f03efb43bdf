"""Closed periods: closed, refused to whatever would change them, reopened with a reason."""

import pytest

from tests.http.conftest import NOWHERE, entries_of, path_of

CLOSED = (409, "period-closed")
THROUGH = "2026-02-28"
DAY_AFTER = "2026-03-01"


def closings_of(book):
    return f"/books/{book['id']}/closings"


@pytest.fixture
async def old(home, book):
    """An entry dated on the last day that will be closed."""
    return await home.record(book, occurred_on=THROUGH)


@pytest.fixture
async def new(home, book):
    """An entry dated on the first day that stays open."""
    return await home.record(book, occurred_on=DAY_AFTER)


async def test_period_closed_is_shown_to_all_members_with_who_closed_it_and_when(home, stranger, book):
    await home.share(book, stranger, "viewer")
    answer = await home.post(closings_of(book), {"through": THROUGH})
    shown = (await home.get(f"/books/{book['id']}")).json

    assert (201, THROUGH, await home.id) == (answer.status, answer.json["through"], answer.json["closed_by"])
    assert {"through", "closed_at", "closed_by"} == set(answer.json)
    assert (THROUGH, answer.json["closed_at"], 3) == (shown["closed_through"], shown["updated_at"], shown["version"])
    assert [answer.json] == (await home.get(closings_of(book))).items
    assert [answer.json] == (await stranger.get(closings_of(book))).items


async def test_book_never_closed_has_no_closing(home, book):
    assert {"items": [], "next_cursor": None} == (await home.get(closings_of(book))).json
    assert None is (await home.get(f"/books/{book['id']}")).json["closed_through"]


async def test_period_is_closed_through_later_and_later_days_alone(home, book):
    for through in ("2026-01-31", THROUGH):
        await home.made(closings_of(book), {"through": through})
        for again in (through, "2026-01-01", "0001-01-01"):
            assert (409, "already-closed") == (await home.post(closings_of(book), {"through": again})).outcome
    assert ["2026-01-31", THROUGH] == [item["through"] for item in (await home.get(closings_of(book))).items]


async def test_period_is_not_closed_where_a_field_is_wrong(home, book):
    for body, field in [
        ({}, "through"),
        ({"through": None}, "through"),
        ({"through": "2026-02-30"}, "through"),
        ({"through": "2026-02-28T00:00:00"}, "through"),
        ({"through": THROUGH, "reason": "x"}, "reason"),
    ]:
        assert [field] == list((await home.post(closings_of(book), body)).errors), body
    await home.made(closings_of(book), {"through": THROUGH})
    for body in ({}, {"reason": ""}, {"reason": " \n"}, {"reason": None}, {"reason": "x" * 10_001}):
        assert ["reason"] == list((await home.delete(f"{closings_of(book)}/latest", json=body)).errors), body
    assert ["reason"] == list((await home.delete(f"{closings_of(book)}/latest")).errors)
    assert 1 == len((await home.get(closings_of(book))).items)


async def test_entry_of_a_closed_period_takes_no_change_of_any_kind(home, book, old, new):
    gone = await home.record(book, occurred_on="2026-01-05")
    await home.delete(path_of(gone))
    moved = await home.record(book, occurred_on="2026-01-05")
    await home.patch(path_of(moved), {"occurred_on": DAY_AFTER})
    await home.made(closings_of(book), {"through": THROUGH})
    before = [(await home.get(f"{entries_of(book)}?state=all")).json, (await home.get(f"/books/{book['id']}")).json]

    for what, method, path, body in [
        ("create", "POST", entries_of(book), {"kind": "income", "amount": 1, "occurred_on": THROUGH}),
        ("create long before", "POST", entries_of(book), {"kind": "income", "amount": 1, "occurred_on": "0001-01-01"}),
        ("amend the amount", "PATCH", path_of(old), {"amount": 1}),
        ("amend the memo", "PATCH", path_of(old), {"memo": "x"}),
        ("move out", "PATCH", path_of(old), {"occurred_on": DAY_AFTER}),
        ("move within", "PATCH", path_of(old), {"occurred_on": "2026-01-01"}),
        ("move in", "PATCH", path_of(new), {"occurred_on": THROUGH}),
        ("delete", "DELETE", path_of(old), None),
        ("restore", "POST", f"{path_of(gone)}/restore", None),
        ("revert into", "POST", f"{path_of(moved)}/revert", {"version": 1}),
        ("revert what is deleted", "POST", f"{path_of(gone)}/revert", {"version": 1}),
        ("duplicate", "POST", f"{path_of(old)}/duplicate", None),
        ("duplicate into", "POST", f"{path_of(new)}/duplicate", {"occurred_on": THROUGH}),
    ]:
        answer = await home.ask(method, path, json=body)
        assert CLOSED == answer.outcome, what
        assert THROUGH in answer.json["detail"]
    after = [(await home.get(f"{entries_of(book)}?state=all")).json, (await home.get(f"/books/{book['id']}")).json]
    assert before == after


async def test_entry_of_a_closed_period_changed_to_what_it_is_is_answered_as_it_is(home, book, old):
    await home.made(closings_of(book), {"through": THROUGH})
    for method, path, body in [("PATCH", path_of(old), {}), ("POST", f"{path_of(old)}/revert", {"version": 1})]:
        answer = await home.ask(method, path, json=body)
        assert (200, old) == (answer.status, answer.json)


async def test_transfer_takes_no_change_where_either_side_is_in_a_closed_period(home, book):
    other = await home.open_book(name="저축")
    old = await home.transfer(book, other, occurred_on=THROUGH)
    new = await home.transfer(book, other, occurred_on=DAY_AFTER)
    gone = await home.transfer(book, other, occurred_on=THROUGH)
    await home.delete(path_of(gone["from"]))
    await home.made(closings_of(other), {"through": THROUGH})
    asked = {"amount": "1", "occurred_on": THROUGH}

    async def states():
        return [(await home.get(f"{entries_of(one)}?state=all")).json for one in (book, other)]

    before = await states()
    for source, target in ((book, other), (other, book)):
        answer = await home.post("/transfers", {"from_book": source["id"], "to_book": target["id"], **asked})
        assert CLOSED == answer.outcome
    for side in ("from", "to"):
        for what, method, path, body in [
            ("amount", "PATCH", path_of(old[side]), {"amount": "1"}),
            ("memo", "PATCH", path_of(old[side]), {"memo": "x"}),
            ("move out", "PATCH", path_of(old[side]), {"occurred_on": DAY_AFTER}),
            ("move in", "PATCH", path_of(new[side]), {"occurred_on": THROUGH}),
            ("delete", "DELETE", path_of(old[side]), None),
            ("restore", "POST", f"{path_of(gone[side])}/restore", None),
            ("revert", "POST", f"{path_of(gone[side])}/revert", {"version": 1}),
            ("duplicate", "POST", f"{path_of(old[side])}/duplicate", None),
            ("duplicate into", "POST", f"{path_of(new[side])}/duplicate", {"occurred_on": THROUGH}),
        ]:
            assert CLOSED == (await home.ask(method, path, json=body)).outcome, (side, what)
    assert before == await states()
    await home.made(f"{path_of(old['from'])}/duplicate", {"occurred_on": DAY_AFTER})
    # What is this side's alone does not touch the other book, which is closed.
    assert 200 == (await home.patch(path_of(old["from"]), {"tags": ["x"]})).status
    assert CLOSED == (await home.patch(path_of(old["to"]), {"tags": ["x"]})).outcome


async def test_day_after_a_closed_period_is_open(home, book, new):
    await home.made(closings_of(book), {"through": THROUGH})
    await home.record(book, occurred_on=DAY_AFTER)
    assert 200 == (await home.patch(path_of(new), {"amount": "1"})).status
    assert 200 == (await home.patch(path_of(new), {"occurred_on": "9999-12-31"})).status
    assert 204 == (await home.delete(path_of(new))).status
    assert 200 == (await home.post(f"{path_of(new)}/restore")).status
    await home.made(f"{path_of(new)}/duplicate", {"occurred_on": DAY_AFTER})


async def test_book_and_categories_may_change_while_a_period_is_closed(home, book, old):
    await home.made(closings_of(book), {"through": THROUGH})
    assert 200 == (await home.patch(f"/books/{book['id']}", {"opening_balance": "5"})).status
    await home.made(f"/books/{book['id']}/categories", {"name": "새", "kind": "income"})


async def test_period_reopened_answers_the_closing_that_is_now_in_force(home, book, old):
    first = await home.made(closings_of(book), {"through": "2026-01-31"})
    await home.made(closings_of(book), {"through": THROUGH})
    latest = f"{closings_of(book)}/latest"

    answer = await home.delete(latest, json={"reason": "영수증이 늦게 왔다"})
    assert (200, first) == (answer.status, answer.json)
    assert [first] == (await home.get(closings_of(book))).items
    assert "2026-01-31" == (await home.get(f"/books/{book['id']}")).json["closed_through"]
    assert 200 == (await home.patch(path_of(old), {"memo": "x"})).status
    assert (
        CLOSED
        == (await home.post(entries_of(book), {"kind": "income", "amount": 1, "occurred_on": "2026-01-31"})).outcome
    )

    answer = await home.delete(latest, json={"reason": "again"})
    assert (200, {"through": None}) == (answer.status, answer.json)
    assert (404, "closing-not-found") == (await home.delete(latest, json={"reason": "x"})).outcome
    assert None is (await home.get(f"/books/{book['id']}")).json["closed_through"]
    await home.record(book, occurred_on="0001-01-01")


async def test_period_reopened_may_be_closed_again(home, book):
    for _ in range(2):
        closing = await home.made(closings_of(book), {"through": THROUGH})
        assert [closing] == (await home.get(closings_of(book))).items
        await home.delete(f"{closings_of(book)}/latest", json={"reason": "x"})


async def test_closings_and_reopenings_are_in_the_history_with_their_reason(home, book):
    await home.made(closings_of(book), {"through": THROUGH})
    await home.delete(f"{closings_of(book)}/latest", json={"reason": "영수증"})
    _, closed, reopened = (await home.get(f"/books/{book['id']}/history")).items
    assert ("book.period_closed", "book.period_reopened") == (closed["type"], reopened["type"])
    assert {"from": None, "to": THROUGH} == closed["changes"]["closed_through"]
    assert {"from": THROUGH, "to": None} == reopened["changes"]["closed_through"]
    assert "영수증" in str(reopened)


async def test_deleted_book_is_neither_closed_nor_reopened(home, book):
    await home.made(closings_of(book), {"through": THROUGH})
    await home.delete(f"/books/{book['id']}")
    assert (409, "book-deleted") == (await home.post(closings_of(book), {"through": DAY_AFTER})).outcome
    answer = await home.delete(f"{closings_of(book)}/latest", json={"reason": "x"})
    assert (409, "book-deleted") == answer.outcome
    assert 1 == len((await home.get(closings_of(book))).items)


async def test_closings_of_a_book_that_is_not_yours_are_as_if_absent(stranger, book):
    for path in (closings_of(book), closings_of({"id": NOWHERE})):
        assert (404, "book-not-found") == (await stranger.get(path)).outcome
        assert (404, "book-not-found") == (await stranger.post(path, {"through": THROUGH})).outcome
        assert (404, "book-not-found") == (await stranger.delete(f"{path}/latest", json={"reason": "x"})).outcome


async def test_book_is_closed_where_if_match_names_it(home, book):
    stale = (await home.get(f"/books/{book['id']}")).headers["ETag"]
    await home.record(book)  # what is to be closed is not what was seen
    answer = await home.post(closings_of(book), {"through": THROUGH}, headers={"If-Match": stale})
    assert (412, "book-changed") == answer.outcome
    current = answer.headers["ETag"]
    assert 201 == (await home.post(closings_of(book), {"through": THROUGH}, headers={"If-Match": current})).status
