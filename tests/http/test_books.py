"""Books: opened, read, changed, deleted and restored by those whose books they are."""

from tests.http.conftest import NOWHERE, entries_of

FIELDS = {
    *("id", "name", "currency", "description", "role", "opening_balance", "income", "expense", "total", "transferred"),
    *("balance", "entry_count", "closed_through", "deleted", "created_at", "updated_at", "version"),
}


async def test_book_opened_with_a_name_only_has_the_defaults(home):
    answer = await home.post("/books", {"name": "우리집"})

    book = answer.json
    assert (answer.status, answer.headers["Location"]) == (201, f"/books/{book['id']}")
    assert set(book) == FIELDS
    assert (book["name"], book["currency"], book["description"], book["role"]) == ("우리집", "KRW", "", "owner")
    sums = ("opening_balance", "income", "expense", "total", "transferred", "balance")
    assert [book[name] for name in sums] == ["0"] * 6
    assert (book["entry_count"], book["closed_through"], book["deleted"], book["version"]) == (0, None, False, 1)
    assert book["created_at"] == book["updated_at"]


async def test_book_opened_with_everything_is_read_back_equal_with_the_same_etag(home):
    fields = {"name": "여행", "currency": "USD", "description": "2026\n\t봄", "opening_balance": "-12.5"}
    opened = await home.post("/books", fields)
    read = await home.get(opened.headers["Location"])

    assert (read.status, read.content, read.headers["ETag"]) == (200, opened.content, opened.headers["ETag"])
    assert {**read.json, **fields, "opening_balance": "-12.50", "balance": "-12.50"} == read.json


async def test_book_is_refused_where_a_field_is_wrong(home):
    for fields, field in [
        ({}, "name"),
        ({"name": " \n "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x07b"}, "name"),
        ({"name": None}, "name"),
        ({"name": 1}, "name"),
        ({"name": "x", "description": "x" * 10_001}, "description"),
        ({"name": "x", "description": None}, "description"),
        ({"name": "x", "currency": "krw"}, "currency"),
        ({"name": "x", "currency": "XXX"}, "currency"),
        ({"name": "x", "currency": "K\x00W"}, "currency"),
        ({"name": "x", "opening_balance": "0.5"}, "opening_balance"),
        ({"name": "x", "opening_balance": 0.5}, "opening_balance"),
        ({"name": "x", "opening": "0"}, "opening"),
    ]:
        assert list((await home.post("/books", fields)).errors) == [field], fields
    assert (await home.get("/books")).items == []


async def test_book_takes_names_and_descriptions_up_to_their_limits(home):
    book = await home.open_book(name=f" {'가' * 100}\n", description="나" * 10_000)

    assert (len(book["name"]), len(book["description"])) == (100, 10_000)


async def test_book_shows_the_sums_of_its_entries_and_another_etag_with_each(home):
    book = await home.open_book(opening_balance="100000")
    etags = []
    for fields in ({"amount": "30000"}, {"amount": 5000, "kind": "income"}):
        await home.record(book, **fields)
        etags.append((await home.get(f"/books/{book['id']}")).headers["ETag"])
    book = (await home.get(f"/books/{book['id']}")).json

    assert len(set(etags)) == 2
    assert (book["income"], book["expense"], book["total"]) == ("5000", "30000", "-25000")
    assert (book["balance"], book["entry_count"]) == ("75000", 2)


async def test_book_is_changed_field_by_field(home, book):
    path = f"/books/{book['id']}"
    for fields in ({"name": "새 이름"}, {"description": "설명"}, {"opening_balance": "-7"}, {"opening_balance": 0}):
        answer = await home.patch(path, fields)
        book = {**book, **fields, "opening_balance": str(fields.get("opening_balance", book["opening_balance"]))}
        book = {**book, "balance": book["opening_balance"], "version": book["version"] + 1}
        assert answer.status == 200
        assert {**answer.json, "updated_at": None} == {**book, "updated_at": None}
        assert (await home.get(path)).headers["ETag"] == answer.headers["ETag"]


async def test_book_changed_to_what_it_is_stays_as_it_is(home, book):
    same = {name: book[name] for name in ("name", "description", "opening_balance")}
    for fields in (same, {}):
        assert (await home.patch(f"/books/{book['id']}", fields)).json == book


async def test_book_keeps_what_cannot_be_changed(home, book):
    for field in ("currency", "id", "role", "deleted", "version"):
        assert list((await home.patch(f"/books/{book['id']}", {field: "x"})).errors) == [field]
    for fields in ({"name": ""}, {"name": None}, {"opening_balance": "0.1"}, {"description": "\x00"}):
        assert list((await home.patch(f"/books/{book['id']}", fields)).errors) == list(fields)
    assert (await home.get(f"/books/{book['id']}")).json == book


async def test_book_deleted_is_still_readable_and_takes_no_change_but_restore(home, book):
    path = f"/books/{book['id']}"
    entry = await home.record(book, memo="김치")
    category = await home.category(book, "식비")
    deleted = await home.delete(path)

    assert (deleted.status, deleted.content) == (204, b"")
    assert (await home.get(path)).json["deleted"] is True
    assert (await home.get(entries_of(book))).items == [entry]
    assert (await home.get(f"{entries_of(book)}/{entry['id']}")).json == entry
    assert category in (await home.get(f"{path}/categories")).items
    assert (await home.get(f"{path}/totals")).json["expense"] == "12000"
    one = f"{entries_of(book)}/{entry['id']}"
    of_category = f"{path}/categories/{category['id']}"
    for method, target, body in [
        ("PATCH", path, {"name": "x"}),
        ("DELETE", path, None),
        ("POST", entries_of(book), {"kind": "expense", "amount": 1}),
        ("PATCH", one, {"memo": "x"}),
        ("DELETE", one, None),
        ("POST", f"{one}/restore", None),
        ("POST", f"{one}/duplicate", None),
        ("POST", f"{path}/categories", {"name": "x", "kind": "income"}),
        ("PATCH", of_category, {"name": "x"}),
        ("DELETE", of_category, None),
        ("POST", f"{of_category}/restore", None),
    ]:
        assert (await home.ask(method, target, json=body)).outcome == (409, "book-deleted"), (method, target)


async def test_book_restored_is_as_before(home, book):
    path = f"/books/{book['id']}"
    await home.delete(path)
    restored = await home.post(f"{path}/restore")

    assert restored.status == 200
    assert {**restored.json, "updated_at": None} == {**book, "updated_at": None, "version": 3}
    assert restored.headers["ETag"] == (await home.get(path)).headers["ETag"]
    assert (await home.post(f"{path}/restore")).outcome == (409, "book-not-deleted")
    await home.record(book)


async def test_books_are_listed_by_state(home, book, stranger):
    gone = await home.open_book(name="gone")
    await home.delete(f"/books/{gone['id']}")
    await stranger.open_book()

    async def ids(query):
        return [item["id"] for item in (await home.get(f"/books{query}")).items]

    assert await ids("") == await ids("?state=active") == [book["id"]]
    assert await ids("?state=deleted") == [gone["id"]]
    assert await ids("?state=all") == [book["id"], gone["id"]]
    assert list((await home.get("/books?state=live")).errors) == ["state"]


async def test_books_are_listed_page_by_page(home):
    made = [(await home.open_book(name=str(number)))["id"] for number in range(5)]
    path, seen = "/books?limit=2&state=all", []
    while path:
        answer = await home.get(path)
        seen += [item["id"] for item in answer.items]
        path = str(answer.headers["Link"]).split(">")[0][1:] if answer.json["next_cursor"] else None

    assert seen == made
    assert "Link" not in answer.headers


async def test_book_that_is_not_yours_is_as_if_absent(home, book, stranger):
    await home.delete(f"/books/{(await home.open_book())['id']}")
    for household, book_id in ((stranger, book["id"]), (home, NOWHERE), (home, "1"), (home, "%00"), (home, "ä" * 40)):
        path = f"/books/{book_id}"
        for method, target, body in [
            ("GET", path, None),
            ("PATCH", path, {"name": "x"}),
            ("DELETE", path, None),
            ("POST", f"{path}/restore", None),
            ("GET", f"{path}/totals", None),
            ("GET", f"{path}/categories", None),
            ("POST", f"{path}/categories", {"name": "x", "kind": "income"}),
            ("PATCH", f"{path}/categories/{NOWHERE}", {"name": "x"}),
            ("DELETE", f"{path}/categories/{NOWHERE}", None),
            ("POST", f"{path}/categories/{NOWHERE}/restore", None),
        ]:
            answer = await household.ask(method, target, json=body)
            assert answer.outcome == (404, "book-not-found"), (method, target)
    assert (await home.get(f"/books/{book['id']}")).json == book
    assert (await stranger.get("/books?state=all")).items == []


async def test_user_account_is_no_book(home):
    me = (await home.get("/users/me")).json

    assert (await home.get(f"/books/{me['id']}")).outcome == (404, "book-not-found")
    assert (await home.patch(f"/books/{me['id']}", {"name": "x"})).outcome == (404, "book-not-found")


async def test_book_unchanged_is_not_sent_again(home, book):
    path = f"/books/{book['id']}"
    etag = (await home.get(path)).headers["ETag"]
    answer = await home.get(path, headers={"If-None-Match": f'"other", {etag}'})
    await home.record(book)

    assert (answer.status, answer.content, answer.headers["ETag"]) == (304, b"", etag)
    assert (await home.get(path, headers={"If-None-Match": etag})).status == 200


async def test_book_that_changed_is_left_alone_by_a_stale_if_match(home, book):
    path = f"/books/{book['id']}"
    stale = (await home.get(path)).headers["ETag"]
    await home.record(book)  # its sums are part of what the client saw
    before = await home.get(path)
    for method, target, body in [
        ("PATCH", path, {"name": "x"}),
        ("DELETE", path, None),
    ]:
        for tag in (stale, '"x"', f"W/{before.headers['ETag']}"):
            answer = await home.ask(method, target, json=body, headers={"If-Match": tag})
            assert answer.outcome == (412, "book-changed")
    assert (await home.get(path)).content == before.content


async def test_book_is_changed_where_if_match_names_it(home, book):
    path = f"/books/{book['id']}"
    for method, target, body, status in [
        ("PATCH", path, {"name": "x"}, 200),
        ("DELETE", path, None, 204),
        ("POST", f"{path}/restore", None, 200),
    ]:
        etag = (await home.get(path)).headers["ETag"]
        assert (await home.ask(method, target, json=body, headers={"If-Match": etag})).status == status
    assert (await home.patch(path, {"name": "y"}, headers={"If-Match": "*"})).status == 200


async def test_deleted_book_that_changed_is_not_restored_by_a_stale_if_match(home, book):
    path = f"/books/{book['id']}"
    stale = (await home.get(path)).headers["ETag"]
    await home.delete(path)

    assert (await home.post(f"{path}/restore", headers={"If-Match": stale})).outcome == (412, "book-changed")
