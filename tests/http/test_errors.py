"""Errors: one shape for all of them, with the headers that belong to each, and nothing of the inside."""

import asyncio
import gzip
import re
from io import BytesIO

import asyncpg
import pytest

from ledger.problems import problem_pages
from service import STATUSES
from tests.http.conftest import NOWHERE, PROBLEM, Household, entries_of, path_of

JSON = {"Content-Type": "application/json"}
ENTRY = {"kind": "expense", "amount": "1"}


async def test_malformed_json_is_400(home, book):
    for data in (b"{", b"nope", b'{"a": 1,}', b"{'a': 1}", b'"\xff"', b'{"memo": "\\ud800"}', b"[" * 5000, b"NaN"):
        answer = await home.ask("POST", entries_of(book), data=data, headers=JSON)
        assert answer.outcome == (400, "malformed-json"), data


async def test_body_that_is_not_in_the_encoding_it_claims_is_400(guest):
    reader, writer = await asyncio.open_connection("127.0.0.1", guest.client.port)
    head = "POST /users/signin HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-Request-Id: req-400\r\n"
    writer.write(f"{head}Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{{}}".encode())
    answer = (await reader.readuntil(b"}")).decode()
    writer.close()

    assert answer.startswith("HTTP/1.1 400 ")
    assert f"Content-Type: {PROBLEM}" in answer
    assert '"type":"/problems/bad-request"' in answer
    assert '"instance":"req-400"' in answer


async def test_json_that_is_no_object_is_422(home, book):
    for data in (b"[]", b'"x"', b"1", b"null", b"true"):
        answer = await home.ask("POST", entries_of(book), data=data, headers=JSON)
        assert answer.outcome == (422, "invalid-request"), data


async def test_unknown_path_is_404_signed_in_or_not(home, guest):
    for path in ("/", "/nope", "/books/", f"/books/{NOWHERE}/nope", "/users", "/users/me/", "/problems/nope", "/%00"):
        for household in (home, guest):
            assert (await household.get(path)).outcome == (404, "not-found"), path


async def test_method_that_an_address_does_not_take_is_405_with_those_it_takes(home, guest):
    for method, path, allowed in [
        ("PUT", "/books", {"GET", "HEAD", "POST"}),
        ("POST", f"/books/{NOWHERE}", {"GET", "HEAD", "PATCH", "DELETE"}),
        ("DELETE", "/wallet", {"GET", "HEAD"}),
        ("PATCH", "/users/signin", {"GET", "POST"}),
        ("HEAD", "/users/signin", {"GET", "POST"}),
        ("TRACE", "/livez", {"GET", "HEAD"}),
        ("OPTIONS", "/books", {"GET", "HEAD", "POST"}),
    ]:
        for household in (home, guest):
            answer = await household.ask(method, path)
            assert answer.status == 405
            assert method == "HEAD" or answer.slug == "method-not-allowed"
            assert set(re.split(", ?", answer.headers["Allow"])) == allowed, path


async def test_body_over_the_limit_is_413(home, book):
    padding = " " * (1024**2 - len('{"kind":"expense","amount":"1"}'))
    largest = f'{{"kind":"expense",{padding}"amount":"1"}}'.encode()
    assert len(largest) == 1024**2

    assert (await home.ask("POST", entries_of(book), data=BytesIO(largest), headers=JSON)).status == 201
    answer = await home.ask("POST", entries_of(book), data=BytesIO(largest + b" "), headers=JSON)
    assert answer.outcome == (413, "payload-too-large")


async def test_body_over_the_limit_is_413_also_where_its_length_is_not_told(guest):
    async def endless():
        for _ in range(40):
            yield b" " * 2**16

    answer = await guest.ask("POST", "/users/signup", data=endless(), headers=JSON)
    assert answer.outcome == (413, "payload-too-large")


async def test_body_that_is_no_json_by_its_type_is_415(home, book):
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/xml", "application/jsonp"):
        for method, path in (("POST", entries_of(book)), ("POST", "/users/signin"), ("GET", "/users/signin")):
            answer = await home.ask(method, path, data=b"{}", headers={"Content-Type": content_type})
            assert answer.outcome == (415, "unsupported-media-type"), (content_type, path)


async def test_delete_reads_its_body_before_it_deletes(home, book):
    entry = await home.record(book)
    category = await home.category(book, "식비")
    link = await home.made(f"{path_of(entry)}/shares")
    for path in (
        f"/books/{book['id']}",
        f"/books/{book['id']}/categories/{category['id']}",
        f"/books/{book['id']}/members/{await home.id}",
        path_of(entry),
        f"{path_of(entry)}/shares/{link['code']}",
        "/users/me/sessions",
        f"/users/me/sessions/{NOWHERE}",
        f"/users/me/tokens/{NOWHERE}",
    ):
        assert (await home.delete(path, data=b'{"reason":"x"}', headers=JSON)).outcome == (422, "invalid-request"), path
        assert (await home.delete(path, data=b"{", headers=JSON)).outcome == (400, "malformed-json"), path
        too_large = BytesIO(b" " * (1024**2 + 1))
        assert (await home.delete(path, data=too_large, headers=JSON)).outcome == (413, "payload-too-large"), path

    assert (await home.get(path_of(entry))).json == entry
    assert (await home.delete(path_of(entry), data=b"{}", headers=JSON)).status == 204


async def test_body_encoded_in_a_way_that_nobody_undoes_is_415(home, book):
    for encoding in ("x", "gzip, gzip", "compress", "x-gzip", "br"):
        headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
        answer = await home.ask("POST", entries_of(book), data=b'{"kind":"income","amount":1}', headers=headers)
        assert answer.outcome == (415, "unsupported-media-type"), encoding

    packed = gzip.compress(b'{"kind":"income","amount":1}')
    for encoding, data in (("gzip", packed), ("GZIP", packed), ("identity", gzip.decompress(packed))):
        headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
        assert (await home.ask("POST", entries_of(book), data=data, headers=headers)).status == 201, encoding


async def test_body_of_another_type_is_refused_last(home, guest, book):
    headers = {"Content-Type": "text/plain"}
    for household, method, path, outcome in [
        (home, "POST", "/nope", (404, "not-found")),
        (home, "PUT", "/books", (405, "method-not-allowed")),
        (guest, "POST", "/books", (401, "unauthenticated")),
        (home, "POST", "/books", (415, "unsupported-media-type")),
    ]:
        assert (await household.ask(method, path, data=b"{}", headers=headers)).outcome == outcome, path


async def test_body_with_a_charset_is_json_all_the_same(home, book):
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}

    answer = await home.ask("POST", entries_of(book), data=b'{"kind":"income","amount":1}', headers=headers)
    assert answer.status == 201


async def test_invalid_fields_are_422_each_named_with_what_is_wrong(home, book):
    answer = await home.post(entries_of(book), {"kind": "x", "tags": [1], "amuont": "1"})

    assert set(answer.errors) == {"kind", "amount", "tags", "amuont"}
    assert all(answer.errors.values())
    assert all(set(error) == {"field", "message"} for error in answer.json["errors"])


async def test_not_signed_in_is_401_with_the_scheme_on_every_kind_of_request(guest, book):
    for method, path, body in [
        ("GET", "/books", None),
        ("POST", "/books", {}),
        ("POST", entries_of(book), ENTRY),
        ("PATCH", f"{entries_of(book)}/x", {}),
        ("DELETE", f"/books/{book['id']}", None),
    ]:
        answer = await guest.ask(method, path, json=body)
        assert answer.outcome == (401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_conflict_is_409_and_a_stale_precondition_412(home, book):
    entry = await home.record(book)
    await home.delete(path_of(entry))

    assert (await home.delete(path_of(entry))).outcome == (409, "entry-deleted")
    assert (await home.delete(path_of(entry), headers={"If-Match": '"x"'})).outcome == (412, "entry-changed")


# ── what every answer carries ────────────────────────────────────────────────────────────────────────────


async def test_request_id_is_taken_over_where_it_is_plain_and_made_otherwise(guest):
    for asked in ("req-1", "A.b_9", "x" * 128):
        for path in ("/livez", "/nope"):
            assert (await guest.get(path, headers={"X-Request-Id": asked})).headers["X-Request-Id"] == asked
    made = set()
    for asked in (None, "", "x" * 129, "a b", 'a"b', "é", "<script>"):
        answer = await guest.get("/nope", headers={"X-Request-Id": asked} if asked is not None else {})
        made.add(answer.headers["X-Request-Id"])
        assert answer.slug == "not-found"
    assert len(made) == 7
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", each) for each in made)


async def test_security_headers_are_on_every_answer(home, guest, book):
    etag = (await home.get(f"/books/{book['id']}")).headers["ETag"]
    answers = [
        await home.get("/books"),
        await home.get(f"/books/{book['id']}", headers={"If-None-Match": etag}),
        await home.post(entries_of(book), ENTRY),
        await home.post(entries_of(book), {}),
        await home.ask("POST", entries_of(book), data=b"{", headers=JSON),
        await home.get(f"/books/{NOWHERE}"),
        await guest.get("/books"),
        await guest.get("/nope"),
        await guest.ask("PUT", "/books"),
        await guest.get("/livez"),
        await guest.get("/problems/not-found"),
        await guest.get("/.well-known/jwks.json"),
        await home.delete(f"/books/{book['id']}"),
    ]
    assert [answer.status for answer in answers] == [200, 304, 201, 422, 400, 404, 401, 404, 405, 200, 200, 200, 204]
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Server"] == "gagyebu"
        assert "X-Request-Id" in answer.headers
    for answer in answers[:-2] + answers[-1:]:
        assert answer.headers["Cache-Control"] == "private, no-store"


async def test_problem_pages_explain_every_type_to_people(guest):
    for slug, (status, _) in problem_pages(STATUSES).items():
        answer = await guest.get(f"/problems/{slug}")
        text = answer.content.decode()
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert f"<h1>{slug.replace('-', ' ').capitalize()}</h1>" in text
        assert f"HTTP status {status}" in text
        assert not re.search(r"<p>\s*</p>|<p>{", text), "a page says something, and holds no unfilled place"


# ── what goes wrong here ─────────────────────────────────────────────────────────────────────────────────


async def test_database_gone_is_503_with_when_to_try_again_and_all_is_well_once_it_is_back(
    home, book, stranger, database_gone
):
    entry = await home.record(book)
    async with database_gone():
        for answer in (
            await home.get(path_of(entry)),
            await home.get("/wallet"),
            await home.post(entries_of(book), ENTRY),
            await home.patch(f"/books/{book['id']}", {"name": "x"}),
            await home.post("/users/signin", {"email": home.email, "password": "korrekt-Pferd-77"}),
        ):
            assert answer.outcome == (503, "store-unavailable")
            assert int(answer.headers["Retry-After"]) > 0
            assert "asyncpg" not in answer.content.decode()
    assert (await home.get(path_of(entry))).json == entry
    assert (await home.post(entries_of(book), ENTRY)).status == 201


async def test_connections_cut_under_way_end_in_an_answer_and_are_made_again(home, book, server, dsn):
    entry = await home.record(book)
    maintenance = await asyncpg.connect(dsn)
    await maintenance.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await maintenance.close()
    statuses = {(await home.get(path_of(entry))).status for _ in range(20)}

    assert statuses <= {200, 503}
    assert (await home.get(path_of(entry))).json == entry


@pytest.fixture
async def broken(home: Household, book, dsn) -> Household:
    """A household whose service meets what nobody expected: a table is missing."""
    owner = await asyncpg.connect(dsn)
    await owner.execute("DROP TABLE readmodels.entries CASCADE")
    await owner.close()
    return home


async def test_unexpected_error_is_500_and_shows_nothing_of_the_inside(broken, book):
    answer = await broken.get(entries_of(book), headers={"X-Request-Id": "req-500"})

    assert answer.outcome == (500, "internal-error")
    assert answer.json["instance"] == "req-500"
    for word in (b"entries", b"Traceback", b"asyncpg", b"postgres", b"File", b"Error", b"relation"):
        assert word not in answer.content
    assert answer.headers["Content-Type"].startswith(PROBLEM)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
