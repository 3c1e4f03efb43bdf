"""Importing files, and taking imports back."""


from tests.http.conftest import entries_of

HEADER = "kind,amount,occurred_on,category,memo,tags\n"
LUNCH = "expense,12000,2026-03-05,식비,점심,외식;가족\n"
WAGE = "income,3000000,2026-03-25,급여,,\n"


async def upload(household, book, content, path="", content_type="text/csv", **headers):
    body = content if isinstance(content, bytes) else content.encode()
    path = f"/books/{book['id']}/imports{path}"
    return await household.ask("POST", path, data=body, headers={"Content-Type": content_type, **headers})


async def listed(household, book, query=""):
    return (await household.get(f"{entries_of(book)}?limit=200&sort=occurred_on{query}")).items


async def revert(household, book, batch_id, **options):
    return await household.post(f"/books/{book['id']}/batches/{batch_id}/revert", **options)


async def test_file_imported_is_listed_entry_by_entry(home, book):
    answer = await upload(home, book, HEADER + LUNCH + WAGE)
    assert answer.status == 201
    batch_id = answer.json["batch_id"]
    assert {"batch_id": batch_id, "created": 2, "duplicates": 0} == answer.json
    lunch, wage = await listed(home, book)
    food = await home.category(book, "식비")
    expected = {
        "kind": "expense",
        "amount": "12000",
        "occurred_on": "2026-03-05",
        "category": food,
        "memo": "점심",
        "tags": ["외식", "가족"],
        "copied_from": None,
        "batch_id": batch_id,
        "deleted": False,
        "version": 1,
    }
    assert expected | {"batch_id": lunch["batch_id"]} == {name: lunch[name] for name in expected}
    assert ("income", "3000000", "급여") == (wage["kind"], wage["amount"], wage["category"]["name"])
    totals = (await home.get(f"/books/{book['id']}/totals")).json
    assert ("3000000", "12000") == (totals["income"], totals["expense"])


async def test_same_file_twice_adds_nothing(home, book):
    await upload(home, book, HEADER + LUNCH + WAGE)
    again = await upload(home, book, HEADER + LUNCH + WAGE)
    assert (200, {"batch_id": None, "created": 0, "duplicates": 2}) == (again.status, again.json)
    assert 2 == len(await listed(home, book))
