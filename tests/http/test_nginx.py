"""docker/nginx.conf, run by a real nginx: what it passes on, what it keeps to itself, and how it says no."""

import asyncio
import fcntl
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from auth.serving import TARGET_BYTES_MAX

ROOT = Path(__file__).parents[2]
CONFIGURATION = (ROOT / "docker" / "nginx.conf").read_text("utf-8")
BODY_BYTES_MAX = 64 * 1024 * 1024
PROBLEM = "application/problem+json"


# ── nginx ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="session")
def nginx_binary(tmp_path_factory):
    """The machine's nginx, or else Debian's, unpacked beside the tests: installed, it would listen on port 80."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    folder = tmp_path_factory.getbasetemp().parent / "nginx"
    return shutil.which("nginx", path=path) or unpacked_nginx(folder)


def unpacked_nginx(folder):
    if shutil.which("apt-get") is None:
        pytest.skip("no nginx on this machine, and no apt-get to fetch Debian's")
    folder.mkdir(exist_ok=True)
    binary = folder / "usr/sbin/nginx"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the tests run in several processes
        if not binary.exists() and not (unpack(folder) or (refresh_package_lists() and unpack(folder))):
            pytest.skip("no nginx on this machine, and Debian's could not be fetched by apt-get")
    return str(binary)


def refresh_package_lists():
    return subprocess.run(["apt-get", "-q", "update"], check=False, capture_output=True).returncode == 0


def unpack(folder):
    fetched = subprocess.run(["apt-get", "-q", "download", "nginx"], cwd=folder, check=False, capture_output=True)
    packages = list(folder.glob("nginx_*.deb"))
    return fetched.returncode == 0 and all(
        subprocess.run(["dpkg-deb", "--extract", package, folder], check=False).returncode == 0 for package in packages
    )


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def configured(folder, port, upstream_port):
    """The committed configuration with this machine's addresses and paths, and nothing else changed."""
    text = CONFIGURATION
    for committed, here in (
        ("listen 8080;", f"listen 127.0.0.1:{port};"),
        ("server service:8080 resolve;", f"server 127.0.0.1:{upstream_port};"),
    ):
        assert text.count(committed) == 1
        text = text.replace(committed, here)
    return text.replace("/tmp/nginx", f"{folder}/nginx")


async def until_listening(port, process):
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            assert process.returncode is None, "nginx ended at once"
            await asyncio.sleep(0.01)
        else:
            writer.close()
            return


@pytest.fixture
def log(tmp_path):
    return tmp_path / "nginx.log"


@pytest.fixture
def nginx(nginx_binary, tmp_path, log):
    """Run nginx in front of a port of this machine, for as long as the context lasts: yields a client."""

    @asynccontextmanager
    async def run(upstream_port):
        port = free_port()
        (tmp_path / "nginx.conf").write_text(configured(tmp_path, port, upstream_port), "utf-8")
        # Its workers would otherwise be `nobody`, who cannot reach a test's folder.
        directives = "daemon off;" + (" user root;" if os.geteuid() == 0 else "")
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(nginx_binary, "-e", "stderr", "-p", tmp_path, "-c", tmp_path / "nginx.conf", "-g", directives),
                stdout=output,
                stderr=output,
            )
        try:
            await until_listening(port, process)
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
                yield client
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()

    return run


async def send_raw(client, request):
    """Send bytes that no HTTP client would send; return the status line's code, the headers and the body."""
    url = client._base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(request)
    status_line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    body = await reader.readexactly(int(headers["content-length"]))
    writer.close()
    return int(status_line.split()[1]), headers, body


async def problem(answer):
    """Check that an answer is a problem as the service would write it; return its slug."""
    body = json.loads(await answer.text())
    assert answer.content_type == PROBLEM
    assert set(body) == {"type", "title", "status", "detail", "instance"}
    assert (body["status"], body["instance"]) == (answer.status, answer.headers["X-Request-Id"])
    return body["type"].removeprefix("/problems/")


# ── an upstream that tells what it was asked ─────────────────────────────────────────────────────────────


async def tell(request):
    length = 0
    async for chunk in request.content.iter_any():
        length += len(chunk)
    headers = {name.lower(): value for name, value in request.headers.items()}
    told = {"target": request.raw_path, "headers": headers, "body_bytes": length}
    return web.json_response(told, headers={"Link": f'<{request.raw_path}>; rel="next"'})


async def two_events(request):
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    await answer.write(b"data: 1\n\n")
    await request.app[SECOND_EVENT].wait()
    await answer.write(b"data: 2\n\n")
    return answer


SECOND_EVENT = web.AppKey("second_event", asyncio.Event)


@pytest.fixture
async def upstream():
    app = web.Application()
    app[SECOND_EVENT] = asyncio.Event()
    app.router.add_get("/books/1/journal", two_events)
    app.router.add_route("*", "/{path:.*}", tell)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(max_line_size=TARGET_BYTES_MAX)
    yield server
    await server.close()


# ── what is passed on ────────────────────────────────────────────────────────────────────────────────────


async def test_request_passes_with_its_id_and_the_address_it_really_came_from(nginx, upstream):
    claimed = {"X-Request-Id": "req-1", "X-Forwarded-For": "203.0.113.7", "Forwarded": "for=203.0.113.7"}
    async with nginx(upstream.port) as client, client.get("/books", headers=claimed) as answer:
        headers = (await answer.json())["headers"]

    assert headers["x-request-id"] == "req-1"
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["host"] == headers["x-forwarded-host"] == f"{client._base_url.host}:{client._base_url.port}"
    assert "forwarded" not in headers


@pytest.mark.parametrize("claimed", [None, 'a"b', "x" * 129])
async def test_request_without_a_plain_id_is_given_one(nginx, upstream, claimed):
    headers = {"X-Request-Id": claimed} if claimed else {}
    async with nginx(upstream.port) as client, client.get("/books", headers=headers) as answer:
        passed = (await answer.json())["headers"]["x-request-id"]

    assert re.fullmatch("[0-9a-f]{32}", passed)


async def test_path_and_query_pass_as_they_were_written(nginx, upstream):
    target = "/books/a%2Fb/entries?q=%EA%B9%80%EC%B9%98&tag=a+b"
    async with nginx(upstream.port) as client, client.get(URL(target, encoded=True)) as answer:
        assert (await answer.json())["target"] == target


async def test_longest_query_of_a_list_passes_and_so_does_the_link_that_repeats_it(nginx, upstream):
    target = "/books/1/entries?".ljust(TARGET_BYTES_MAX - 100, "x")
    async with nginx(upstream.port) as client:
        status, headers, _ = await send_raw(client, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    assert (status, headers["link"]) == (200, f'<{target}>; rel="next"')


async def test_event_of_a_stream_passes_before_the_next_is_there(nginx, upstream):
    async with nginx(upstream.port) as client, client.get("/books/1/journal") as answer:
        assert await answer.content.readuntil(b"\n\n") == b"data: 1\n\n"
        upstream.app[SECOND_EVENT].set()
        assert await answer.content.read() == b"data: 2\n\n"


async def test_body_of_64_mib_passes(nginx, upstream):
    body = io.BytesIO(b"x" * BODY_BYTES_MAX)
    async with nginx(upstream.port) as client, client.post("/books/1/imports", data=body) as answer:
        assert (await answer.json())["body_bytes"] == BODY_BYTES_MAX


async def test_answer_is_not_compressed_and_names_no_version(nginx, upstream):
    async with nginx(upstream.port) as client, client.get("/books", headers={"Accept-Encoding": "gzip"}) as answer:
        assert "Content-Encoding" not in answer.headers
        assert answer.headers["Server"] == "nginx"


# ── what is not ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz"])
@pytest.mark.parametrize("spelling", ["{}", "/{}", "{}/", "{}?a=b", "/books/..{}", "/%2e{}"])
async def test_operations_are_not_found_from_outside(nginx, upstream, path, spelling):
    target = spelling.format(path)
    async with nginx(upstream.port) as client:
        request = f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"
        status, headers, body = await send_raw(client, request.encode())

    assert (status, headers["content-type"]) == (404, PROBLEM)
    assert json.loads(body)["type"] == "/problems/not-found"


async def test_body_over_64_mib_is_refused_unread(nginx, upstream):
    length = BODY_BYTES_MAX + 1
    async with nginx(upstream.port) as client:
        request = f"POST /books/1/imports HTTP/1.1\r\nHost: x\r\nX-Request-Id: big\r\nContent-Length: {length}\r\n\r\n"
        status, headers, body = await send_raw(client, request.encode())

    assert (status, headers["content-type"], headers["x-request-id"]) == (413, PROBLEM, "big")
    assert json.loads(body)["type"] == "/problems/payload-too-large"


@pytest.mark.parametrize(
    ("request_bytes", "status", "slug"),
    [
        (b"nonsense\r\n\r\n", 400, "bad-request"),
        (b"GET /books HTTP/1.1\r\n\r\n", 400, "bad-request"),
        (b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "uri-too-long"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 40_000 + b"\r\n\r\n", 431, "header-fields-too-large"),
    ],
)
async def test_request_that_nginx_cannot_take_is_answered_with_a_problem(nginx, upstream, request_bytes, status, slug):
    async with nginx(upstream.port) as client:
        answered, headers, body = await send_raw(client, request_bytes)

    assert (answered, headers["content-type"]) == (status, PROBLEM)
    assert json.loads(body) | {"type": f"/problems/{slug}", "status": status} == json.loads(body)


async def test_service_stopped_is_answered_with_a_problem(nginx, upstream):
    async with nginx(upstream.port) as client:
        async with client.get("/books") as before:
            assert before.status == 200
        await upstream.close()
        async with client.get("/books", headers={"X-Request-Id": "req-2"}) as after:
            assert after.status == 502
            assert after.headers["X-Request-Id"] == "req-2"
            assert await problem(after) == "bad-gateway"


async def test_write_whose_answer_is_lost_is_not_sent_again(nginx):
    received = []

    async def hang_up(reader, writer):
        received.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server, nginx(server.sockets[0].getsockname()[1]) as client, client.post("/books", json={}) as answer:
        assert answer.status == 502

    assert len(received) == 1


async def test_log_has_neither_share_codes_nor_searches(nginx, upstream, log):
    async with nginx(upstream.port) as client:
        for target in ("/s/SeCrEt", "/invitations/SeCrEt/accept", "/books/1/entries?q=SeCrEt"):
            async with client.get(target):
                pass
        await upstream.close()
        async with client.get("/s/SeCrEt?q=SeCrEt") as answer:
            assert answer.status == 502

    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    assert [line["path"] for line in lines] == ["/s/…", "/invitations/…", "/books/1/entries", "/s/…"]
    assert "SeCrEt" not in log.read_text("utf-8")


# ── in front of the service ──────────────────────────────────────────────────────────────────────────────


@contextmanager
def data_directory():
    with tempfile.TemporaryDirectory(prefix="gagyebu-nginx-") as folder:
        # Run as root, the embedded PostgreSQL is another user, who has to pass through here.
        Path(folder).chmod(0o711)
        yield Path(folder, "data")


@pytest.fixture(scope="module")
def service_port(tmp_path_factory):
    log = tmp_path_factory.mktemp("service") / "stderr"
    with data_directory() as data, log.open("wb") as stderr:
        command = [sys.executable, "-m", "service", "serve", "--port", "0", "--data-dir", data]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr, text=True) as process:
            try:
                ready = next((line for line in process.stdout if line.startswith("ready on ")), None)
                assert ready, log.read_text("utf-8")
                yield URL(ready.removeprefix("ready on ").strip()).port
            finally:
                process.terminate()
                process.communicate(timeout=30)


async def test_household_signs_up_and_keeps_a_book_through_nginx(nginx, service_port):
    credentials = {"email": "mina@example.com", "password": "차분한 바다 위 종이배"}
    entry = {"kind": "expense", "amount": "12000", "occurred_on": "2026-02-17", "memo": "설 장보기", "tags": ["설"]}
    async with nginx(service_port) as client:
        async with client.post("/users/signup", json=credentials) as answer:
            assert answer.status == 201
        async with client.post("/users/signin", json=credentials) as answer:
            client.headers["Authorization"] = f"Bearer {(await answer.json())['access_token']}"
        async with client.post("/books", json={"name": "우리집 가계부"}) as answer:
            entries = f"/books/{(await answer.json())['id']}/entries"
        async with client.post(entries, json=entry, headers={"X-Request-Id": "req-3"}) as answer:
            assert (answer.status, answer.headers["X-Request-Id"]) == (201, "req-3")
            written = await answer.json()
        async with client.get(entries, params={"q": "장보기"}) as answer:
            assert (await answer.json())["items"] == [written]


async def test_problem_of_the_service_passes_unchanged(nginx, service_port):
    async with nginx(service_port) as client, client.get("/books", headers={"X-Request-Id": "req-4"}) as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert (await answer.json(content_type=PROBLEM))["instance"] == "req-4"


async def test_problem_of_nginx_has_a_page_in_the_service(nginx, service_port):
    slugs = set(re.findall(r'"type":"/problems/([a-z-]+)"', CONFIGURATION))
    async with nginx(service_port) as client:
        statuses = {}
        for slug in slugs:
            async with client.get(f"/problems/{slug}") as answer:
                statuses[slug] = answer.status

    assert statuses == dict.fromkeys(slugs, 200)
