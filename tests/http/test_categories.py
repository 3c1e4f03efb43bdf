"""Categories: the starter set, and how a book's own are made, renamed, deleted and restored."""

import pytest

from tests.http.conftest import NOWHERE, path_of

KOREAN = {
    "expense": {"식비", "쇼핑", "생활용품", "주거", "통신", "교통", "의료", "교육", "문화", "경조사", "보험", "기타"},
    "income": {"급여", "상여", "이자", "용돈", "기타"},
}


@pytest.fixture
def path(book):
    return f"/books/{book['id']}/categories"


@pytest.fixture
async def category(home, path):
    return await home.made(path, {"name": "Coffee", "kind": "expense"})


async def names(home, book, kind):
    items = (await home.get(f"/books/{book['id']}/categories?limit=200&state=all")).items
    return {item["name"] for item in items if item["kind"] == kind}


async def test_new_book_has_a_starter_set_in_korean(home, book):
    assert await names(home, book, "expense") == KOREAN["expense"]
    assert await names(home, book, "income") == KOREAN["income"]


async def test_new_book_has_its_starter_set_in_the_language_that_the_client_prefers(home):
    for accepted, word in [
        ("en", "Food"),
        ("en-GB,en;q=0.9", "Food"),
        ("fr, en;q=0.8, ko;q=0.5", "Food"),
        ("en;q=0.2, ko;q=0.9", "식비"),
        ("en;q=0, ko", "식비"),
        ("fr", "식비"),
        ("*", "식비"),
        ("", "식비"),
        (";;q=x,,=", "식비"),
    ]:
        book = await home.made("/books", {"name": "x"}, headers={"Accept-Language": accepted})
        assert word in await names(home, book, "expense"), accepted


async def test_category_is_made_and_listed(home, book, path):
    answer = await home.post(path, {"name": "  커피 ", "kind": "expense"})

    made = answer.json
    assert (answer.status, answer.headers["Location"]) == (201, f"{path}/{made['id']}")
    assert made == {"id": made["id"], "name": "커피", "kind": "expense", "deleted": False}
    assert "ETag" in answer.headers
    assert (await home.get(path)).items[-1] == made


async def test_category_is_refused_where_a_field_is_wrong(home, path):
    for fields, field in [
        ({"kind": "income"}, "name"),
        ({"name": "x"}, "kind"),
        ({"name": "x", "kind": "transfer"}, "kind"),
        ({"name": "x", "kind": None}, "kind"),
        ({"name": "x" * 101, "kind": "income"}, "name"),
        ({"name": "", "kind": "income"}, "name"),
        ({"name": "a\x00", "kind": "income"}, "name"),
        ({"name": "a\x1f", "kind": "income"}, "name"),
        ({"name": "\x85a", "kind": "income"}, "name"),
        ({"name": "x", "kind": "income", "id": NOWHERE}, "id"),
    ]:
        assert list((await home.post(path, fields)).errors) == [field], fields


async def test_category_name_is_unique_per_kind_without_case(home, path, category):
    for name in ("Coffee", "COFFEE", " coffee "):
        assert (await home.post(path, {"name": name, "kind": "expense"})).outcome == (409, "category-exists")
    await home.made(path, {"name": "coffee", "kind": "income"})
    tea = await home.made(path, {"name": "Tea", "kind": "expense"})
    assert (await home.patch(f"{path}/{tea['id']}", {"name": "cOFFEE"})).outcome == (409, "category-exists")


async def test_category_is_renamed_also_to_another_letter_case_of_itself(home, path, category):
    for name in ("Café", "CAFÉ", "CAFÉ"):
        answer = await home.patch(f"{path}/{category['id']}", {"name": name})
        assert (answer.status, answer.json) == (200, {**category, "name": name})
    assert list((await home.patch(f"{path}/{category['id']}", {"kind": "income"})).errors) == ["name", "kind"]
    assert list((await home.patch(f"{path}/{category['id']}", {"name": "x", "kind": "income"})).errors) == ["kind"]


async def test_category_deleted_frees_its_name_and_cannot_come_back_while_it_is_taken(home, path, category):
    one = f"{path}/{category['id']}"
    assert (await home.delete(one)).status == 204
    twin = await home.made(path, {"name": "coffee", "kind": "expense"})
    assert (await home.post(f"{one}/restore")).outcome == (409, "category-exists")

    await home.delete(f"{path}/{twin['id']}")
    restored = await home.post(f"{one}/restore")
    assert (restored.status, restored.json) == (200, category)


async def test_category_deleted_takes_no_change_and_a_live_one_is_not_restored(home, path, category):
    one = f"{path}/{category['id']}"
    assert (await home.post(f"{one}/restore")).outcome == (409, "category-not-deleted")
    await home.delete(one)
    assert (await home.delete(one)).outcome == (409, "category-deleted")
    assert (await home.patch(one, {"name": "x"})).outcome == (409, "category-deleted")


async def test_categories_are_listed_by_state_and_page(home, path, category):
    await home.delete(f"{path}/{category['id']}")
    deleted = {**category, "deleted": True}

    everything = (await home.get(f"{path}?state=all&limit=200")).items
    assert (await home.get(f"{path}?state=deleted")).items == [deleted]
    assert (await home.get(path)).items == [item for item in everything if item != deleted]
    seen, cursor = [], ""
    while cursor is not None:
        page = (await home.get(f"{path}?state=all&limit=7{cursor and '&cursor='}{cursor}")).json
        seen, cursor = seen + page["items"], page["next_cursor"]
    assert seen == everything


async def test_entry_keeps_its_category_when_that_is_renamed_or_deleted(home, book, path, category):
    entry = await home.record(book, category_id=category["id"])
    before = await home.get(path_of(entry))
    await home.patch(f"{path}/{category['id']}", {"name": "Café"})
    renamed = await home.get(path_of(entry))
    await home.delete(f"{path}/{category['id']}")
    deleted = await home.get(path_of(entry))

    assert before.json["category"] == category
    assert renamed.json["category"] == {**category, "name": "Café"}
    assert deleted.json["category"] == {**category, "name": "Café", "deleted": True}
    assert len({answer.headers["ETag"] for answer in (before, renamed, deleted)}) == 3
    assert (await home.get(f"/books/{book['id']}/entries")).items == [deleted.json]


async def test_category_deleted_stays_at_an_entry_that_is_edited_and_is_offered_to_no_other(home, book, path, category):
    entry = await home.record(book, category_id=category["id"])
    await home.delete(f"{path}/{category['id']}")
    edited = await home.patch(path_of(entry), {"memo": "x", "category_id": category["id"]})
    new = await home.post(
        f"/books/{book['id']}/entries", {"kind": "expense", "amount": 1, "category_id": category["id"]}
    )

    assert edited.json["category"]["deleted"] is True
    assert list(new.errors) == ["category_id"]


async def test_category_is_read_where_its_location_says_with_the_tag_that_changes_it(home, book, path):
    made = await home.post(path, {"name": "커피", "kind": "expense"})
    one = made.headers["Location"]
    renamed = await home.patch(one, {"name": "차"})
    await home.delete(one, headers={"If-Match": (await home.get(one)).headers["ETag"]})
    deleted = await home.get(one)

    assert (made.json["id"], "차") == (deleted.json["id"], renamed.json["name"])
    assert (200, {**renamed.json, "deleted": True}) == (deleted.status, deleted.json)
    then = await home.get(f"{one}?known_at=3")
    assert (renamed.content, renamed.headers["ETag"]) == (then.content, then.headers["ETag"])
    assert (await home.get(f"{one}?known_at=1")).outcome == (404, "category-not-found")
    assert (await home.get(f"{one}?known_at=0")).outcome == (404, "book-not-found")


async def test_category_is_not_shown_to_who_is_no_member(stranger, path, category):
    for query in ("", "?known_at=2"):
        assert (await stranger.get(f"{path}/{category['id']}{query}")).outcome == (404, "book-not-found")


async def test_category_that_is_not_there_is_404(home, path, category, stranger):
    other = await stranger.category(await stranger.open_book(), "식비")
    for category_id in (NOWHERE, "1", "x" * 50, other["id"]):
        one = f"{path}/{category_id}"
        for method, target, body in [
            ("GET", one, None),
            ("PATCH", one, {"name": "x"}),
            ("DELETE", one, None),
            ("POST", f"{one}/restore", None),
        ]:
            assert (await home.ask(method, target, json=body)).outcome == (404, "category-not-found"), target


async def test_category_that_changed_is_left_alone_by_a_stale_if_match(home, path, category):
    one = f"{path}/{category['id']}"
    stale = (await home.patch(one, {"name": "Tea"})).headers["ETag"]
    fresh = (await home.patch(one, {"name": "Green tea"}, headers={"If-Match": stale})).headers["ETag"]
    assert (await home.patch(one, {"name": "x"}, headers={"If-Match": stale})).outcome == (412, "category-changed")
    assert (await home.delete(one, headers={"If-Match": stale})).outcome == (412, "category-changed")
    assert (await home.delete(one, headers={"If-Match": fresh})).status == 204
    assert (await home.post(f"{one}/restore", headers={"If-Match": fresh})).outcome == (412, "category-changed")
