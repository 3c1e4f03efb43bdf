"""Importing files, and taking imports back."""

import asyncio
import io
import zlib

import orjson
import pytest

from ledger.http.imports import UPLOAD_BYTES_MAX
from tests.http.conftest import NOWHERE, entries_of, path_of

HEADER = "kind,amount,occurred_on,category,memo,tags\n"
LUNCH = "expense,12000,2026-03-05,식비,점심,외식;가족\n"
WAGE = "income,3000000,2026-03-25,급여,,\n"
KEY = {"Idempotency-Key": "one"}


async def upload(household, book, content, query="", content_type="text/csv", headers=None):
    body = content.encode() if isinstance(content, str) else content
    path = f"/books/{book['id']}/imports{query}"
    return await household.ask("POST", path, data=body, headers={"Content-Type": content_type, **(headers or {})})


async def imported(household, book, content, query=""):
    """Import what must succeed. Returns: the batch's id."""
    answer = await upload(household, book, content, query)
    assert answer.status == 201, answer.content
    return answer.json["batch_id"]


async def listed(household, book, query=""):
    return (await household.get(f"{entries_of(book)}?limit=200&sort=occurred_on{query}")).items


async def totals(household, book):
    found = (await household.get(f"/books/{book['id']}/totals")).json
    return found["income"], found["expense"]


async def journal(household, book):
    """How many events the book's journal has, as its entries and categories tell."""
    categories = (await household.get(f"/books/{book['id']}/categories?limit=200&state=all")).items
    return len(await listed(household, book, "&state=all")), len(categories)


async def revert(household, book, batch_id, **options):
    return await household.post(f"/books/{book['id']}/batches/{batch_id}/revert", **options)


@pytest.fixture
async def member(home, book, guest):
    """Make another member of the book."""

    async def join(role):
        email = f"{role}@example.com"
        other = await guest.signed_up(email)
        invitation = await home.made(f"/books/{book['id']}/invitations", {"email": email, "role": role})
        assert (await other.post(f"/invitations/{invitation['token']}/accept")).status == 200
        return other

    return join


async def test_file_imported_is_listed_entry_by_entry(home, book):
    answer = await upload(home, book, HEADER + LUNCH + WAGE)
    batch_id = answer.json["batch_id"]
    assert (201, {"batch_id": batch_id, "created": 2, "duplicates": 0}) == (answer.status, answer.json)
    lunch, wage = await listed(home, book)
    expected = {
        "kind": "expense",
        "amount": "12000",
        "occurred_on": "2026-03-05",
        "category": await home.category(book, "식비"),
        "memo": "점심",
        "tags": ["외식", "가족"],
        "copied_from": None,
        "batch_id": batch_id,
        "deleted": False,
        "version": 1,
    }
    assert expected == {name: lunch[name] for name in expected}
    assert ("income", "3000000", "급여") == (wage["kind"], wage["amount"], wage["category"]["name"])
    assert ("3000000", "12000") == await totals(home, book)


async def test_ndjson_is_imported_as_csv_is_and_each_knows_the_other(home, book):
    line = {"kind": "expense", "amount": "12000", "occurred_on": "2026-03-05"}
    line |= {"category": "식비", "memo": "점심", "tags": ["외식", "가족"]}
    answer = await upload(home, book, orjson.dumps(line), content_type="application/x-ndjson")
    assert (201, 1) == (answer.status, answer.json["created"])
    assert {"batch_id": None, "created": 0, "duplicates": 1} == (await upload(home, book, HEADER + LUNCH)).json


async def test_statement_of_a_bank_is_imported_by_the_titles_of_its_columns(home, book):
    text = '거래내역\n거래일자,적요,출금,입금\n2026.03.05 12:01:02,김밥,"4,500",\n2026.03.25,월급,0,"3,000,000"\n'
    query = "?occurred_on=거래일자&memo=적요&expense=출금&income=입금&date_format=YYYY.MM.DD"
    await imported(home, book, text.encode("cp949"), query)
    shown = [(entry["kind"], entry["amount"], entry["memo"], entry["category"]) for entry in await listed(home, book)]
    assert [("expense", "4500", "김밥", None), ("income", "3000000", "월급", None)] == shown


async def test_same_file_twice_adds_nothing(home, book):
    await imported(home, book, HEADER + LUNCH + WAGE)
    again = await upload(home, book, HEADER + LUNCH + WAGE)
    assert (200, {"batch_id": None, "created": 0, "duplicates": 2}) == (again.status, again.json)
    assert 2 == len(await listed(home, book))


async def test_equal_lines_of_one_file_are_entries_of_their_own_and_are_recognised(home, book):
    await imported(home, book, HEADER + LUNCH * 2)
    again = await upload(home, book, HEADER + LUNCH * 3)
    assert (201, 1, 2) == (again.status, again.json["created"], again.json["duplicates"])
    assert ("0", "36000") == await totals(home, book)


async def test_overlapping_file_adds_what_is_new(home, book):
    await imported(home, book, HEADER + LUNCH)
    answer = await upload(home, book, HEADER + LUNCH + WAGE)
    assert (201, 1, 1) == (answer.status, answer.json["created"], answer.json["duplicates"])


async def test_entry_deleted_by_its_owner_does_not_come_back(home, book):
    await imported(home, book, HEADER + LUNCH)
    (entry,) = await listed(home, book)
    await home.delete(path_of(entry))
    assert {"batch_id": None, "created": 0, "duplicates": 1} == (await upload(home, book, HEADER + LUNCH)).json
    assert [] == await listed(home, book)


async def test_entry_amended_since_is_recognised_as_it_was(home, book):
    await imported(home, book, HEADER + LUNCH)
    (entry,) = await listed(home, book)
    await home.patch(path_of(entry), {"memo": "저녁", "amount": "1"})
    assert 200 == (await upload(home, book, HEADER + LUNCH)).status
    assert ("0", "1") == await totals(home, book)


async def test_entry_that_the_file_names_by_its_id_is_recognised(home, book):
    entry = await home.record(book, memo="by hand")
    text = f"id,kind,amount,occurred_on\n{entry['id']},expense,12000,2026-02-17\n{NOWHERE},expense,1,2026-02-17\n"
    assert (1, 1) == ((answer := (await upload(home, book, text)).json)["created"], answer["duplicates"])


@pytest.mark.parametrize(("form", "content_type"), [("csv", "text/csv"), ("ndjson", "application/x-ndjson")])
async def test_export_is_known_in_its_own_book_and_new_in_another(home, book, form, content_type):
    await imported(home, book, HEADER + LUNCH * 2 + WAGE)
    await home.record(book, memo='=1+1; "quoted"\nline', tags=["a;b", '"c"'], amount="5")
    file = (await home.get(f"/books/{book['id']}/export?format={form}")).content
    assert {"batch_id": None, "created": 0, "duplicates": 4} == (await upload(home, book, file, "", content_type)).json
    other = await home.open_book()
    assert 4 == (await upload(home, other, file, "", content_type)).json["created"]
    shown = ("kind", "amount", "occurred_on", "memo", "tags")
    here, there = [
        sorted(
            [str(entry[name]) for name in shown] + [str((entry["category"] or {}).get("name"))]
            for entry in await listed(home, one)
        )
        for one in (book, other)
    ]
    assert here == there
    assert {"batch_id": None, "created": 0, "duplicates": 4} == (await upload(home, other, file, "", content_type)).json


async def test_book_imports_what_another_has(home, book):
    other = await home.open_book()
    await imported(home, book, HEADER + LUNCH)
    await imported(home, other, HEADER + LUNCH)
    (here,), (there,) = await listed(home, book), await listed(home, other)
    assert here["id"] != there["id"]


async def test_categories_are_found_without_case_and_made_when_missing_each_once(home, book):
    await home.made(f"/books/{book['id']}/categories", {"name": "Coffee", "kind": "expense"})
    lines = ["expense,1,2026-03-05,coffee,,", "expense,2,2026-03-05,Tea,,", "expense,3,2026-03-05,TEA ,,"]
    lines += ["income,4,2026-03-05,Tea,,", "expense,5,2026-03-05,,,"]
    await imported(home, book, HEADER + "\n".join(lines))
    shown = sorted(
        (entry["amount"], entry["category"] and entry["category"]["name"]) for entry in await listed(home, book)
    )
    names = dict(shown)
    assert ("Coffee", None) == (names["1"], names["5"])
    assert names["2"] == names["3"]
    categories = (await home.get(f"/books/{book['id']}/categories?limit=200")).items
    tea = sorted((one["kind"], one["name"].casefold()) for one in categories if one["name"].casefold() == "tea")
    assert [("expense", "tea"), ("income", "tea")] == tea


async def test_category_deleted_is_not_used_and_another_is_made(home, book):
    food = await home.category(book, "식비")
    await home.delete(f"/books/{book['id']}/categories/{food['id']}")
    await imported(home, book, HEADER + LUNCH)
    (entry,) = await listed(home, book)
    assert ("식비", False) == (entry["category"]["name"], entry["category"]["deleted"])
    assert food["id"] != entry["category"]["id"]


async def test_more_categories_than_a_book_may_have_are_refused_with_nothing_recorded(home, book):
    before = await journal(home, book)
    lines = "".join(f"expense,1,2026-03-05,name {number},,\n" for number in range(300))
    assert (409, "too-many-categories") == (await upload(home, book, HEADER + lines)).outcome
    assert before == await journal(home, book)


async def test_any_bad_line_refuses_the_whole_file_with_every_error_by_line(home, book):
    before = await journal(home, book)
    text = HEADER + LUNCH + "expense,x,2026-02-30,,,\n" + LUNCH + "spent,1,2026-03-05,,,\n"
    answer = await upload(home, book, text)
    assert (422, "invalid-request") == answer.outcome
    assert [
        {"line": 3, "field": "amount", "message": "An amount is a decimal string such as “12000” or “12.50”."},
        {"line": 3, "field": "occurred_on", "message": "A date is an existing day in the form YYYY-MM-DD."},
        {"line": 5, "field": "kind", "message": "Kind is “income” or “expense”."},
    ] == answer.json["errors"]
    assert before == await journal(home, book)


async def test_of_many_errors_the_first_hundred_are_told(home, book):
    answer = await upload(home, book, HEADER + "expense,0,2026-03-05,,,\n" * 300)
    assert list(range(2, 102)) == [error["line"] for error in answer.json["errors"]]


@pytest.mark.parametrize("content", ["", HEADER, "\n\n"])
async def test_file_without_entries_is_refused(home, book, content):
    assert (422, "invalid-request") == (await upload(home, book, content)).outcome


async def test_dry_run_tells_what_would_come_of_a_file_and_records_nothing(home, book):
    await imported(home, book, HEADER + LUNCH)
    before = await journal(home, book)
    answer = await upload(home, book, HEADER + LUNCH + WAGE + "expense,1,2026-03-05,새 분류,,\n", "?dry_run=true")
    assert (200, {"batch_id": None, "created": 2, "duplicates": 1}) == (answer.status, answer.json)
    assert (422, "invalid-request") == (await upload(home, book, HEADER + "x,x,x,,,\n", "?dry_run=true")).outcome
    assert before == await journal(home, book)


@pytest.mark.parametrize(
    ("query", "field"), [("", "format"), ("?format=xlsx", "format"), ("?format=csv&decimal=x", "decimal")]
)
async def test_form_that_is_not_told_or_unknown_is_refused(home, book, query, field):
    assert field in (await upload(home, book, HEADER + LUNCH, query, "text/plain")).errors


@pytest.mark.parametrize(
    "content_type", ["text/csv", "text/csv; charset=utf-8", "text/plain", "application/octet-stream"]
)
async def test_file_may_be_sent_as_several_types(home, book, content_type):
    assert 201 == (await upload(home, book, HEADER + LUNCH, "?format=csv", content_type)).status


@pytest.mark.parametrize(
    ("query", "content_type"),
    [
        ("", "text/csv; charset=shift_jis"),
        ("", 'text/csv; charset="Shift-JIS"'),
        ("?encoding=shift_jis", "text/csv; charset=utf-8"),
    ],
)
async def test_file_is_read_in_the_charset_of_its_type_unless_the_query_says_another(home, book, query, content_type):
    content = (HEADER + "expense,12000,2026-03-05,,昼ご飯,\n").encode("shift_jis")
    answer = await upload(home, book, content, query, content_type)
    assert (201, ["昼ご飯"]) == (answer.status, [entry["memo"] for entry in await listed(home, book)])


async def test_file_of_an_unknown_charset_or_not_in_the_one_declared_is_refused(home, book):
    content = (HEADER + "expense,12000,2026-03-05,,昼ご飯,\n").encode("shift_jis")
    answer = await upload(home, book, content, content_type="text/csv; charset=klingon")
    assert ["Content-Type"] == list(answer.errors)
    answer = await upload(home, book, content, content_type="text/csv; charset=utf-8")
    assert (422, "invalid-request") == answer.outcome
    assert [] == await listed(home, book)


@pytest.mark.parametrize("content_type", ["text/html", "multipart/form-data", "application/zip", "application/json"])
async def test_file_of_another_type_is_refused(home, book, content_type):
    assert (415, "unsupported-media-type") == (
        await upload(home, book, HEADER + LUNCH, "?format=csv", content_type)
    ).outcome


async def test_file_that_is_packed_is_refused_for_it_may_have_been_cut_short(home, book):
    compressor = zlib.compressobj(wbits=31)
    cut = compressor.compress((HEADER + LUNCH).encode()) + compressor.flush(zlib.Z_SYNC_FLUSH)
    for packed in (cut, cut + compressor.flush()):
        answer = await upload(home, book, packed, headers={"Content-Encoding": "gzip"})
        assert (415, "unsupported-media-type") == answer.outcome
    assert [] == await listed(home, book)


async def test_utf_16_without_its_mark_is_refused(home, book):
    for query, content_type in (("?encoding=utf-16", "text/csv"), ("", "text/csv; charset=utf-16")):
        answer = await upload(home, book, (HEADER + LUNCH).encode("utf-16-le"), query, content_type)
        assert (422, "invalid-request") == answer.outcome, query


async def test_other_routes_take_no_files(home, book):
    answer = await home.ask("POST", entries_of(book), data=HEADER.encode(), headers={"Content-Type": "text/csv"})
    assert (415, "unsupported-media-type") == answer.outcome


async def test_file_over_the_limit_of_other_bodies_is_taken(home, book):
    lines = "".join(f"expense,{number + 1},2026-03-05,,{'x' * 1_000},\n" for number in range(1_500))
    answer = await upload(home, book, io.BytesIO((HEADER + lines).encode()))
    assert (201, 1_500) == (answer.status, answer.json["created"])


async def test_file_over_64_mib_is_refused(home, book):
    async def endless():
        for _ in range(UPLOAD_BYTES_MAX // 1024**2 + 1):
            yield b"x" * 1024**2

    path = f"/books/{book['id']}/imports"
    answer = await home.ask("POST", path, data=endless(), headers={"Content-Type": "text/csv"})
    assert (413, "payload-too-large") == answer.outcome


async def test_import_told_again_with_its_key_is_answered_as_it_was(home, book):
    first = await upload(home, book, HEADER + LUNCH, headers=KEY)
    again = await upload(home, book, HEADER + LUNCH, headers=KEY)
    assert (201, first.json) == (again.status, again.json)
    assert (None, "true") == (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"])
    assert 1 == len(await listed(home, book))


@pytest.mark.parametrize(("content", "query"), [(HEADER + WAGE, ""), (HEADER + LUNCH, "?format=csv")])
async def test_key_of_an_import_with_another_file_or_query_is_refused(home, book, content, query):
    await upload(home, book, HEADER + LUNCH, headers=KEY)
    answer = await upload(home, book, content, query, headers=KEY)
    assert (422, "idempotency-key-reused") == answer.outcome
    assert 1 == len(await listed(home, book))


async def test_same_file_by_many_at_once_is_imported_once(home, book):
    answers = await asyncio.gather(*(upload(home, book, HEADER + LUNCH * 3 + WAGE) for _ in range(6)))
    assert [(200, 0)] * 5 + [(201, 4)] == sorted((answer.status, answer.json["created"]) for answer in answers)
    assert ("3000000", "36000") == await totals(home, book)


async def test_entries_recorded_while_a_file_is_imported_are_kept(home, book):
    lines = "".join(f"expense,1,2026-03-05,,{number},\n" for number in range(3_000))
    importing = asyncio.create_task(upload(home, book, HEADER + lines))
    recorded = 0
    while not importing.done():
        await home.record(book, amount="1")
        recorded += 1
    assert 201 == (await importing).status
    assert ("0", str(3_000 + recorded)) == await totals(home, book)


async def test_line_in_a_closed_period_refuses_the_file_unless_it_is_there_already(home, book):
    await imported(home, book, HEADER + LUNCH)
    await home.made(f"/books/{book['id']}/closings", {"through": "2026-03-10"})
    assert 200 == (await upload(home, book, HEADER + LUNCH)).status
    assert 201 == (await upload(home, book, HEADER + LUNCH + WAGE)).status
    for query in ("", "?dry_run=1"):
        answer = await upload(home, book, HEADER + "expense,1,2026-03-10,,,\nexpense,1,2026-03-11,,,\n", query)
        assert (409, "period-closed") == answer.outcome
    assert 2 == len(await listed(home, book))


@pytest.mark.parametrize(("role", "status"), [("editor", 201), ("viewer", 403), ("auditor", 403)])
async def test_members_import_as_their_role_allows(member, book, role, status):
    assert status == (await upload(await member(role), book, HEADER + LUNCH)).status


async def test_stranger_learns_of_no_book(stranger, guest, book):
    assert (404, "book-not-found") == (await upload(stranger, book, HEADER + LUNCH)).outcome
    assert (404, "book-not-found") == (await upload(stranger, {"id": NOWHERE}, HEADER + LUNCH)).outcome
    assert (404, "book-not-found") == (await revert(stranger, book, NOWHERE)).outcome
    assert (401, "unauthenticated") == (await upload(guest, book, HEADER + LUNCH)).outcome


async def test_deleted_book_takes_no_import(home, book):
    batch_id = await imported(home, book, HEADER + LUNCH)
    await home.delete(f"/books/{book['id']}")
    assert (409, "book-deleted") == (await upload(home, book, HEADER + WAGE)).outcome
    assert (409, "book-deleted") == (await revert(home, book, batch_id)).outcome


async def test_batch_reverted_takes_its_live_entries_away_and_nothing_else(home, book):
    kept = await home.record(book, amount="7")
    batch_id = await imported(home, book, HEADER + LUNCH * 2 + WAGE)
    lunch, other, _wage = await listed(home, book, "&from=2026-03-01")
    await home.delete(path_of(lunch))
    await home.patch(path_of(other), {"amount": "5", "occurred_on": "2026-04-01", "kind": "income"})
    answer = await revert(home, book, batch_id)
    assert (200, {"batch_id": batch_id, "deleted": 2}) == (answer.status, answer.json)
    assert [kept["id"]] == [entry["id"] for entry in await listed(home, book)]
    assert ("0", "7") == await totals(home, book)


async def test_file_comes_again_after_its_batch_was_reverted_and_again(home, book):
    for _ in range(3):
        batch_id = await imported(home, book, HEADER + LUNCH * 2 + WAGE)
        assert ("3000000", "24000") == await totals(home, book)
        assert 200 == (await upload(home, book, HEADER + LUNCH * 2 + WAGE)).status
        assert 3 == (await revert(home, book, batch_id)).json["deleted"]
        assert ("0", "0") == await totals(home, book)


async def test_entry_restored_after_the_revert_is_recognised_and_one_deleted_before_it_does_not_come_back(home, book):
    batch_id = await imported(home, book, HEADER + LUNCH + WAGE)
    lunch, wage = await listed(home, book)
    await home.delete(path_of(wage))
    await revert(home, book, batch_id)
    await home.post(f"{path_of(lunch)}/restore")
    assert {"batch_id": None, "created": 0, "duplicates": 2} == (await upload(home, book, HEADER + LUNCH + WAGE)).json


async def test_batch_reverted_before_is_refused(home, book):
    batch_id = await imported(home, book, HEADER + LUNCH)
    await revert(home, book, batch_id)
    assert (409, "batch-reverted") == (await revert(home, book, batch_id)).outcome


async def test_revert_told_again_with_its_key_is_answered_as_it_was(home, book):
    batch_id = await imported(home, book, HEADER + LUNCH)
    first, again = [await revert(home, book, batch_id, headers=KEY) for _ in range(2)]
    assert (200, first.json, "true") == (again.status, again.json, again.headers["Idempotency-Replayed"])


@pytest.mark.parametrize("batch_id", [NOWHERE, "none"])
async def test_batch_that_does_not_exist_is_not_found(home, book, batch_id):
    assert (404, "batch-not-found") == (await revert(home, book, batch_id)).outcome


async def test_batch_of_another_book_or_an_entry_is_no_batch_of_this_one(home, book):
    other, entry = await home.open_book(), await home.record(book)
    batch_id = await imported(home, other, HEADER + LUNCH)
    assert (404, "batch-not-found") == (await revert(home, book, batch_id)).outcome
    assert (404, "batch-not-found") == (await revert(home, book, entry["id"])).outcome


async def test_batch_with_a_live_entry_in_a_closed_period_is_not_reverted(home, book):
    batch_id = await imported(home, book, HEADER + LUNCH + WAGE)
    await home.made(f"/books/{book['id']}/closings", {"through": "2026-03-05"})
    assert (409, "period-closed") == (await revert(home, book, batch_id)).outcome
    assert 2 == len(await listed(home, book))


@pytest.mark.parametrize("role", ["editor", "viewer", "auditor"])
async def test_batch_is_reverted_by_the_owner_alone(home, member, book, role):
    batch_id = await imported(home, book, HEADER + LUNCH)
    assert (403, "not-permitted") == (await revert(await member(role), book, batch_id)).outcome


async def test_batch_reverted_by_many_at_once_is_reverted_once(home, book):
    batch_id = await imported(home, book, HEADER + LUNCH * 200)
    answers = await asyncio.gather(*(revert(home, book, batch_id) for _ in range(4)))
    assert [200, 409, 409, 409] == sorted(answer.status for answer in answers)
    assert [] == await listed(home, book)


async def test_entry_edited_while_its_batch_is_reverted_ends_deleted_or_refuses_the_edit(home, book):
    batch_id = await imported(home, book, HEADER + LUNCH * 150)
    entries = await listed(home, book)
    edits = [home.patch(path_of(entry), {"amount": "1"}) for entry in entries[::10]]
    reverted, *edited = await asyncio.gather(revert(home, book, batch_id), *edits)
    assert (200, 150) == (reverted.status, reverted.json["deleted"])
    assert {200, 409} >= {answer.status for answer in edited}
    assert ("0", "0") == await totals(home, book)
