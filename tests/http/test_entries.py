"""Entries: recorded, read back at once, edited, deleted, restored and copied."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.http.conftest import NOWHERE, entries_of, path_of

FIELDS = {
    *("id", "book_id", "kind", "amount", "currency", "occurred_on", "category", "memo", "tags", "copied_from"),
    *("batch_id", "deleted", "created_by", "created_at", "updated_at", "version"),
}


@pytest.fixture
async def entry(home, book):
    food = await home.category(book, "식비")
    return await home.record(book, memo="설 장보기", tags=["설", "시장"], category_id=food["id"])


def today(zone):
    return datetime.now(ZoneInfo(zone)).date()


# ── record ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_entry_with_every_field_is_answered_and_read_back_equal_with_the_same_etag(home, book):
    me = (await home.get("/users/me")).json
    food = await home.category(book, "식비")
    fields = {"kind": "expense", "amount": "12000", "occurred_on": "2026-02-17", "memo": "설\n\t장보기", "tags": ["설"]}
    answer = await home.post(entries_of(book), {**fields, "category_id": food["id"]})
    read = await home.get(answer.headers["Location"])

    entry = answer.json
    assert answer.status == 201
    assert answer.headers["Location"] == path_of(entry)
    assert set(entry) == FIELDS
    assert {**entry, **fields, "book_id": book["id"], "currency": "KRW", "category": food} == entry
    assert (entry["created_by"], entry["version"], entry["deleted"]) == (me["id"], 1, False)
    assert (entry["copied_from"], entry["batch_id"]) == (None, None)
    assert entry["created_at"] == entry["updated_at"]
    assert (read.content, read.headers["ETag"]) == (answer.content, answer.headers["ETag"])
    assert (await home.get(entries_of(book))).items == [entry]


async def test_entry_with_kind_and_amount_only_has_the_defaults(home, book):
    before = today("Asia/Seoul")
    entry = await home.made(entries_of(book), {"kind": "income", "amount": 5000})

    assert entry["occurred_on"] in {str(before), str(today("Asia/Seoul"))}
    assert (entry["category"], entry["memo"], entry["tags"]) == (None, "", [])


async def test_entry_without_a_day_is_dated_where_the_client_is(home, book):
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"):
        before = today(zone)
        answer = await home.post(entries_of(book), {"kind": "income", "amount": 1}, headers={"Time-Zone": zone})
        assert answer.json["occurred_on"] in {str(before), str(today(zone))}
    assert today("Pacific/Kiritimati") - today("Pacific/Pago_Pago") >= timedelta(days=1)


OF_THE_MACHINE = ("localtime", "posixrules", "posix/Asia/Seoul", "right/Asia/Seoul")
"""What Debian keeps beside the zones that IANA names."""


async def test_entry_without_a_day_is_refused_where_the_time_zone_is_unknown(home, book):
    for zone in ("Mars/Base", "../../etc/passwd", "/etc/localtime", "x" * 5000, "Asia", "서울", *OF_THE_MACHINE):
        answer = await home.post(entries_of(book), {"kind": "income", "amount": 1}, headers={"Time-Zone": zone})
        assert list(answer.errors) == ["Time-Zone"]


async def test_entry_is_refused_where_a_field_is_wrong(home, book):
    other = await home.category(await home.open_book(), "식비")
    good = {"kind": "expense", "amount": "1"}
    for fields, field in [
        ({"kind": "transfer"}, "kind"),
        ({"kind": None}, "kind"),
        ({"amount": None}, "amount"),
        ({"occurred_on": "2026-02-30"}, "occurred_on"),
        ({"occurred_on": "0000-01-01"}, "occurred_on"),
        ({"occurred_on": "2026-02-17T00:00:00"}, "occurred_on"),
        ({"occurred_on": "2026-2-17"}, "occurred_on"),
        ({"occurred_on": "20260217"}, "occurred_on"),
        ({"occurred_on": "２０２６-02-17"}, "occurred_on"),
        ({"occurred_on": 20260217}, "occurred_on"),
        ({"category_id": "1"}, "category_id"),
        ({"category_id": NOWHERE}, "category_id"),
        ({"category_id": other["id"]}, "category_id"),
        ({"memo": None}, "memo"),
        ({"memo": "x" * 10_001}, "memo"),
        ({"memo": "a\x00b"}, "memo"),
        ({"memo": "a\rb"}, "memo"),
        ({"memo": "a\x85b"}, "memo"),
        ({"tags": "x"}, "tags"),
        ({"tags": None}, "tags"),
        ({"tags": [None]}, "tags"),
        ({"tags": [1]}, "tags"),
        ({"tags": [" "]}, "tags"),
        ({"tags": ["x" * 51]}, "tags"),
        ({"tags": ["a\x1fb"]}, "tags"),
        ({"tags": [str(number) for number in range(21)]}, "tags"),
        ({"currency": "KRW"}, "currency"),
        ({"id": NOWHERE}, "id"),
        ({"memos": "x"}, "memos"),
    ]:
        assert list((await home.post(entries_of(book), {**good, **fields})).errors) == [field], fields
    assert set((await home.post(entries_of(book), {"memo": 1, "x": 1})).errors) == {"kind", "amount", "memo", "x"}
    assert (await home.get(entries_of(book))).items == []


async def test_entry_takes_every_limit_to_its_end(home, book):
    tags = [f"{number:0>2}{'가' * 48}" for number in range(20)]
    entry = await home.record(book, memo="나" * 10_000, tags=tags, occurred_on="9999-12-31")
    first = await home.record(book, occurred_on="0001-01-01")

    assert (len(entry["memo"]), entry["tags"]) == (10_000, tags)
    assert (await home.get(entries_of(book))).items == [entry, first]


async def test_entry_holds_text_as_it_is_composed_and_each_tag_once(home, book):
    entry = await home.record(book, memo="각", tags=[" 설 ", "설", "ABC", "abc"])

    assert (entry["memo"], entry["tags"]) == ("각", ["설", "ABC"])


async def test_entry_may_use_a_category_of_the_other_kind(home, book):
    food = await home.category(book, "식비")

    assert (await home.record(book, kind="income", category_id=food["id"]))["category"] == food  # a refund


# ── edit ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_entry_is_edited_field_by_field_and_keeps_the_rest(home, book, entry):
    salary = await home.category(book, "급여", "income")
    for patch, shown in [
        ({"kind": "income"}, {"kind": "income"}),
        ({"amount": 777}, {"amount": "777"}),
        ({"occurred_on": "2025-12-31"}, {"occurred_on": "2025-12-31"}),
        ({"category_id": salary["id"]}, {"category": salary}),
        ({"category_id": None}, {"category": None}),
        ({"memo": "새"}, {"memo": "새"}),
        ({"memo": None}, {"memo": ""}),
        ({"tags": ["x", "X", "y"]}, {"tags": ["x", "y"]}),
        ({"tags": None}, {"tags": []}),
        ({"memo": "a", "amount": "1", "tags": ["b"]}, {"memo": "a", "amount": "1", "tags": ["b"]}),
    ]:
        answer = await home.patch(path_of(entry), patch)
        expected = {**entry, **shown, "version": entry["version"] + 1, "updated_at": answer.json["updated_at"]}
        assert (answer.status, answer.json) == (200, expected)
        assert answer.json["updated_at"] > entry["updated_at"]
        read = await home.get(path_of(entry))
        assert (read.content, read.headers["ETag"]) == (answer.content, answer.headers["ETag"])
        entry = answer.json


async def test_entry_is_edited_also_with_the_merge_patch_content_type(home, entry):
    headers = {"Content-Type": "application/merge-patch+json"}
    answer = await home.ask("PATCH", path_of(entry), data=b'{"memo": "x"}', headers=headers)

    assert (answer.status, answer.json["memo"]) == (200, "x")


async def test_entry_edited_to_what_it_is_stays_as_it_is(home, entry):
    before = await home.get(path_of(entry))
    same = {name: entry[name] for name in ("kind", "amount", "occurred_on", "memo", "tags")}
    for patch in (same, {}, {"category_id": entry["category"]["id"]}):
        answer = await home.patch(path_of(entry), patch)
        assert (answer.content, answer.headers["ETag"]) == (before.content, before.headers["ETag"])


async def test_entry_is_not_edited_where_a_field_is_wrong(home, entry):
    for patch in [
        {"kind": None},
        {"amount": None},
        {"amount": "0"},
        {"occurred_on": None},
        {"category_id": NOWHERE},
        {"memo": "\x00"},
        {"tags": [""]},
        {"deleted": False},
        {"version": 1},
        {"currency": "USD"},
        {"created_at": entry["created_at"]},
    ]:
        assert list((await home.patch(path_of(entry), patch)).errors) == list(patch)
    assert (await home.get(path_of(entry))).json == entry


# ── delete, restore, copy ────────────────────────────────────────────────────────────────────────────────


async def test_entry_deleted_is_gone_unless_asked_for_and_takes_no_change(home, book, entry):
    answer = await home.delete(path_of(entry))

    assert (answer.status, answer.content) == (204, b"")
    assert (await home.get(path_of(entry))).outcome == (404, "entry-not-found")
    shown = (await home.get(f"{path_of(entry)}?state=all")).json
    assert {**shown, "updated_at": None} == {**entry, "deleted": True, "version": 2, "updated_at": None}
    assert (await home.get(f"{path_of(entry)}?state=deleted")).json == shown
    assert (await home.get(entries_of(book))).items == []
    assert (await home.delete(path_of(entry))).outcome == (409, "entry-deleted")
    assert (await home.patch(path_of(entry), {"memo": "x"})).outcome == (409, "entry-deleted")
    assert (await home.post(f"{path_of(entry)}/duplicate")).outcome == (409, "entry-deleted")
    assert (await home.get(f"/books/{book['id']}")).json["entry_count"] == 0


async def test_entry_restored_is_as_before(home, book, entry):
    assert (await home.post(f"{path_of(entry)}/restore")).outcome == (409, "entry-not-deleted")
    await home.delete(path_of(entry))
    answer = await home.post(f"{path_of(entry)}/restore")
    read = await home.get(path_of(entry))

    assert answer.status == 200
    assert {**answer.json, "updated_at": None} == {**entry, "version": 3, "updated_at": None}
    assert (read.content, read.headers["ETag"]) == (answer.content, answer.headers["ETag"])
    assert (await home.get(f"/books/{book['id']}")).json["expense"] == "12000"


async def test_entry_copied_is_a_new_one_dated_like_the_original_unless_said(home, book, entry):
    said = {"occurred_on": "2026-03-01"}
    for body, day in ((None, entry["occurred_on"]), ({}, entry["occurred_on"]), (said, "2026-03-01")):
        answer = await home.post(f"{path_of(entry)}/duplicate", body)
        copy = answer.json
        assert (answer.status, answer.headers["Location"]) == (201, path_of(copy))
        own = {name: copy[name] for name in ("id", "created_at", "updated_at")}
        assert copy == {**entry, **own, "copied_from": entry["id"], "occurred_on": day}
        assert copy["id"] != entry["id"]
    assert (await home.get(f"/books/{book['id']}")).json["entry_count"] == 4
    assert (await home.get(path_of(entry))).json == entry


async def test_entry_copied_takes_nothing_but_a_day(home, entry):
    for body in ({"occurred_on": "x"}, {"amount": "1"}):
        assert list((await home.post(f"{path_of(entry)}/duplicate", body)).errors) == list(body)
    assert list((await home.post(f"{path_of(entry)}/restore", {"x": 1})).errors) == ["x"]


async def test_copy_of_an_entry_keeps_a_category_that_was_deleted(home, book, entry):
    await home.delete(f"/books/{book['id']}/categories/{entry['category']['id']}")

    assert (await home.made(f"{path_of(entry)}/duplicate"))["category"] == {**entry["category"], "deleted": True}


# ── preconditions ────────────────────────────────────────────────────────────────────────────────────────


async def test_entry_unchanged_is_not_sent_again(home, entry):
    etag = (await home.get(path_of(entry))).headers["ETag"]
    for known in (etag, f'"x", {etag}', f"W/{etag}", "*"):
        answer = await home.get(path_of(entry), headers={"If-None-Match": known})
        assert (answer.status, answer.content, answer.headers["ETag"]) == (304, b"", etag)
    await home.patch(path_of(entry), {"memo": "x"})
    assert (await home.get(path_of(entry), headers={"If-None-Match": etag})).status == 200


async def test_entry_that_changed_is_left_alone_by_a_stale_if_match(home, book, entry):
    stale = (await home.get(path_of(entry))).headers["ETag"]
    await home.patch(path_of(entry), {"memo": "다른 사람"})
    before = await home.get(path_of(entry))
    for tag in (stale, '"x"', "x", f"W/{before.headers['ETag']}"):
        for method, suffix, body in [
            ("PATCH", "", {"memo": "x"}),
            ("DELETE", "", None),
            ("POST", "/restore", None),
            ("POST", "/duplicate", None),
        ]:
            answer = await home.ask(method, path_of(entry) + suffix, json=body, headers={"If-Match": tag})
            assert answer.outcome == (412, "entry-changed"), (tag, suffix)
    assert (await home.get(path_of(entry))).content == before.content
    assert len((await home.get(entries_of(book))).items) == 1


async def test_entry_is_changed_where_if_match_names_it(home, entry):
    for method, suffix, body, status in [
        ("PATCH", "", {"memo": "x"}, 200),
        ("POST", "/duplicate", None, 201),
        ("DELETE", "", None, 204),
        ("POST", "/restore", None, 200),
    ]:
        etag = (await home.get(f"{path_of(entry)}?state=all")).headers["ETag"]
        headers = {"If-Match": f'"x", {etag}'}
        assert (await home.ask(method, path_of(entry) + suffix, json=body, headers=headers)).status == status
    assert (await home.patch(path_of(entry), {"memo": "y"}, headers={"If-Match": "*"})).status == 200


async def test_entry_whose_category_was_renamed_is_another_to_if_match(home, book, entry):
    stale = (await home.get(path_of(entry))).headers["ETag"]
    await home.patch(f"/books/{book['id']}/categories/{entry['category']['id']}", {"name": "먹거리"})
    answer = await home.patch(path_of(entry), {"memo": "x"}, headers={"If-Match": stale})

    assert answer.outcome == (412, "entry-changed")


# ── not yours ────────────────────────────────────────────────────────────────────────────────────────────


async def refusals(household, book_id, entry_id):
    """Try every route of an entry; return how each was refused."""
    path = f"/books/{book_id}/entries/{entry_id}"
    return {
        (await household.ask(method, target, json=body)).outcome
        for method, target, body in [
            ("GET", path, None),
            ("GET", f"{path}?state=all", None),
            ("PATCH", path, {"memo": "x"}),
            ("DELETE", path, None),
            ("POST", f"{path}/restore", None),
            ("POST", f"{path}/duplicate", None),
        ]
    }


async def test_entry_that_is_not_yours_is_as_if_absent(home, book, entry, stranger):
    own = await stranger.open_book()
    new = {"kind": "expense", "amount": 1}

    assert await refusals(stranger, book["id"], entry["id"]) == {(404, "book-not-found")}
    assert await refusals(stranger, own["id"], entry["id"]) == {(404, "entry-not-found")}
    assert (await stranger.get(entries_of(book))).outcome == (404, "book-not-found")
    assert (await stranger.post(entries_of(book), new)).outcome == (404, "book-not-found")
    assert (await home.get(path_of(entry))).json == entry


async def test_entry_with_an_id_of_any_form_that_is_not_there_is_404(home, book):
    other = await home.record(await home.open_book())
    category = await home.category(book, "식비")
    for entry_id in (NOWHERE, "1", "%20", "x" * 99, "%F0%9F%90%9F", other["id"], book["id"], category["id"]):
        assert await refusals(home, book["id"], entry_id) == {(404, "entry-not-found")}
    for book_id in (NOWHERE, "1", "-"):
        assert await refusals(home, book_id, other["id"]) == {(404, "book-not-found")}
        assert (await home.get(f"/books/{book_id}/entries")).outcome == (404, "book-not-found")
        new = {"kind": "expense", "amount": 1}
        assert (await home.post(f"/books/{book_id}/entries", new)).outcome == (404, "book-not-found")
