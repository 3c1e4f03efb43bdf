"""What cannot be read as a request, and clients that stop halfway: played on bare sockets."""

import asyncio
from urllib.parse import quote

import pytest
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from structlog.testing import capture_logs

from auth.serving import TARGET_BYTES_MAX, Runner
from service import answer_error, open_app
from tests.fault.until import until
from tests.http.conftest import Answer, entries_of

BODY = "Host: x\r\nContent-Type: application/json\r\n"


async def said(client, *parts):
    """Send bytes as they are, and read what comes until the other side closes, or one answer is whole."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    for part in parts:
        writer.write(part if isinstance(part, bytes) else part.encode())
        await writer.drain()
    answer = await heard(reader)
    writer.close()
    return answer


async def heard(reader):
    async with asyncio.timeout(10):
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().removesuffix("\r\n\r\n").split("\r\n")
        headers = CIMultiDictProxy(CIMultiDict(line.split(": ", 1) for line in lines))
        content = await reader.readexactly(int(headers["Content-Length"]))
    return Answer(int(first.split(" ")[1]), headers, content)


UNREADABLE = {
    "letters outside ASCII in the address": (400, "bad-request", "GET /books?q=점심 HTTP/1.1\r\nHost: x\r\n"),
    "no method that there is": (400, "bad-request", "FROB /books HTTP/1.1\r\nHost: x\r\n"),
    "no host": (400, "bad-request", "GET /livez HTTP/1.1\r\n"),
    "no version that there is": (400, "bad-request", "GET /livez HTTP/9.9\r\nHost: x\r\n"),
    "two lengths": (400, "bad-request", f"POST /books HTTP/1.1\r\n{BODY}Content-Length: 1\r\nContent-Length: 2\r\n"),
    "a length that is none": (400, "bad-request", f"POST /books HTTP/1.1\r\n{BODY}Content-Length: x\r\n"),
    "a header without a name": (400, "bad-request", "GET /livez HTTP/1.1\r\nHost: x\r\n: x\r\n"),
    "an address too long": (414, "uri-too-long", f"GET /{'x' * TARGET_BYTES_MAX} HTTP/1.1\r\nHost: x\r\n"),
    "a header too long": (431, "header-fields-too-large", f"GET /livez HTTP/1.1\r\nHost: x\r\nA: {'x' * 8191}\r\n"),
    "a header's name too long": (431, "header-fields-too-large", f"GET / HTTP/1.1\r\nHost: x\r\n{'x' * 8191}: 1\r\n"),
    "too many headers": (431, "header-fields-too-large", "GET / HTTP/1.1\r\nHost: x\r\n" + "A: 1\r\n" * 128),
    "a promise that cannot be kept": (417, "expectation-failed", "GET /books HTTP/1.1\r\nHost: x\r\nExpect: foo\r\n"),
    "the same where nothing is": (417, "expectation-failed", "GET /nope HTTP/1.1\r\nHost: x\r\nExpect: foo\r\n"),
}


@pytest.mark.parametrize("what", UNREADABLE)
async def test_what_cannot_be_read_is_a_problem_like_every_other(client, what):
    *outcome, head = UNREADABLE[what]
    secret = "Authorization: Bearer geheim\r\n"
    first, _, rest = head.partition("\r\n")

    answer = await said(client, f"{first}\r\n{secret}{rest}\r\n")
    assert answer.outcome == tuple(outcome)
    assert answer.headers["Server"] == "gagyebu"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "private, no-store"
    for word in (b"geheim", b"aiohttp", b"Python", b"FROB"):
        assert word not in answer.content


async def test_request_id_is_taken_over_where_the_head_can_be_read(client):
    answer = await said(client, "GET /books HTTP/1.1\r\nHost: x\r\nExpect: foo\r\nX-Request-Id: req-417\r\n\r\n")
    assert answer.json["instance"] == "req-417"


async def test_bad_chunk_is_400_at_once_and_also_late(client):
    head = f"POST /users/signup HTTP/1.1\r\n{BODY}Transfer-Encoding: chunked\r\n\r\n"

    assert (await said(client, f"{head}zz\r\n")).outcome == (400, "bad-request")
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(f"{head}2\r\n{{}}\r\n".encode())
    await client.get("/livez")  # until then, the handler waits for the rest
    writer.write(b"zz\r\n")
    answer = await heard(reader)
    writer.close()
    assert answer.outcome == (400, "bad-request")


async def test_client_that_hangs_up_amid_its_body_is_no_error_of_ours(client):
    _, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(f"POST /users/signup HTTP/1.1\r\n{BODY}X-Request-Id: gone\r\nContent-Length: 9\r\n\r\n{{".encode())
    await client.get("/livez")  # until then, the handler waits for the rest
    with capture_logs() as lines:
        writer.transport.abort()
        line = await until(lambda: next((line for line in lines if line.get("request_id") == "gone"), None))

    assert (line["event"], line["log_level"], line["status"]) == ("request", "info", 499)


@pytest.fixture
async def impatient(settings):
    """A service that waits for nobody for long."""
    async with open_app(settings, settings.database_url) as app:
        runner = Runner(app, answer_error, idle_seconds_max=0.2, body_seconds_max=0.2)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
        await runner.cleanup()


async def test_connection_without_a_whole_head_is_closed_in_time(impatient):
    for part in (b"", b"GET /livez HT", b"GET /livez HTTP/1.1\r\nHost: x\r\nA: "):
        reader, writer = await asyncio.open_connection("127.0.0.1", impatient)
        writer.write(part)
        async with asyncio.timeout(10):
            assert await reader.read() == b"", part
        writer.close()


async def test_body_that_stops_coming_is_408_and_the_connection_closed(impatient):
    for how in (
        "Content-Length: 9\r\n\r\n{",
        "Content-Length: 9\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", impatient)
        writer.write(f"POST /users/signup HTTP/1.1\r\n{BODY}{how}".encode())
        answer = await heard(reader)
        assert answer.outcome == (408, "request-timeout"), how
        assert answer.headers["Connection"] == "close"
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()


async def test_client_that_waits_for_100_continue_gets_it(client):
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(f"POST /users/signin HTTP/1.1\r\n{BODY}Content-Length: 2\r\nExpect: 100-continue\r\n\r\n".encode())
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"{}")
    assert (await heard(reader)).outcome == (422, "invalid-request")
    writer.close()


async def test_longest_query_that_a_list_takes_fits(home, book):
    categories = (await home.get(f"/books/{book['id']}/categories?limit=200")).items
    ids = "&".join(f"category_id={categories[0]['id']}" for _ in range(300))
    apart = quote("각" * 200)  # three letters each, put together before they are counted
    query = f"?q={apart}&tag={quote('각' * 50)}&{ids}&from=2026-01-01&to=2026-12-31&min_amount=1&limit=1"

    answer = await home.get(entries_of(book) + query)
    assert answer.status == 200
    assert answer.items == []
