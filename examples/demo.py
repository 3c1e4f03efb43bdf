"""Load a year of a household through the HTTP API, show its wallet and months, and check every figure."""

import argparse
import asyncio
import json
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import aiohttp
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

Json = dict[str, Any]

HOUSEHOLD = Path(__file__).with_name("household.json")
READY = "ready on "
START_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 30
REQUEST_TIMEOUT_SECONDS = 30
LOG_LINES_SHOWN = 15
OUTPUT_BYTES_MAX = 16 * 1024 * 1024
SUMS = ("income", "expense", "total")


class DemoError(Exception):
    """Something that ends the demo and that its user should read."""


# ── the service ──────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def workspace() -> Iterator[tuple[Path, BinaryIO]]:
    """Make a temporary folder with an open log in it, both gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="gagyebu-demo-") as name:
        folder = Path(name)
        # Started as root, the embedded PostgreSQL runs as another user, who has to pass through here.
        folder.chmod(0o711)
        with Path(folder, "service.log").open("wb") as log:
            yield folder, log


@asynccontextmanager
async def own_service() -> AsyncIterator[str]:
    """Run the service on a free port with a database of its own, both gone afterwards. Yields its URL."""
    with workspace() as (folder, log):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "service", "serve", "--port", "0", "--data-dir", str(folder / "data")),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            limit=OUTPUT_BYTES_MAX,  # what it prints while nobody reads waits in memory, never the service
            # Ctrl-C is ours to handle: the service is then stopped below, once and in order.
            start_new_session=True,
        )
        try:
            yield await ready_url(process, Path(log.name))
        finally:
            await stop(process)


async def ready_url(process: asyncio.subprocess.Process, log: Path) -> str:
    """Wait for the line that tells where the service answers."""
    output = cast(asyncio.StreamReader, process.stdout)
    try:
        async with asyncio.timeout(START_TIMEOUT_SECONDS):
            async for line in output:
                text = line.decode(errors="replace").strip()
                if text.startswith(READY):
                    return text.removeprefix(READY)
    except TimeoutError:
        raise DemoError(f"the service was not ready within {START_TIMEOUT_SECONDS} s\n{tail(log)}") from None
    raise DemoError(f"the service ended before it was ready\n{tail(log)}")


def tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])


async def stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        # communicate() also reads what is left in the pipe, on which the service could otherwise wait.
        await asyncio.wait_for(process.communicate(), STOP_TIMEOUT_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()


# ── the API ──────────────────────────────────────────────────────────────────────────────────────────────


class Api:
    """The few requests of the demo, each answered with JSON or a DemoError in the service's own words."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http
        self._headers: dict[str, str] = {}

    async def sign_up_and_in(self) -> str:
        email = f"demo-{secrets.token_hex(8)}@example.com"
        credentials = {"email": email, "password": secrets.token_urlsafe(18)}
        await self.post("/users/signup", credentials)
        tokens = await self.post("/users/signin", credentials)
        self._headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        return email

    async def get(self, path: str) -> Json:
        return await self._request("GET", path)

    async def post(self, path: str, body: Json) -> Json:
        return await self._request("POST", path, body)

    async def _request(self, method: str, path: str, body: Json | None = None) -> Json:
        try:
            async with self._http.request(method, path, json=body, headers=self._headers) as answer:
                text = await answer.text()
        except aiohttp.ClientConnectorError as error:
            raise DemoError(f"nothing answers at {error.host}:{error.port}: is the service running?") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise DemoError(f"{method} {path} got no answer: {error or 'it took too long'}") from error
        if not answer.ok:
            raise DemoError(f"{method} {path} was answered {answer.status}: {explain(text)}")
        try:
            return dict(json.loads(text))
        except ValueError as error:
            raise DemoError(f"{method} {path} was not answered with JSON: is this gagyebu?") from error


def explain(text: str) -> str:
    """Put a problem+json body into one line; anything else is shown as it came, shortened."""
    try:
        problem = json.loads(text)
        fields = [f"{error['field']}: {error['message']}" for error in problem.get("errors", ())]
        return "; ".join([str(problem.get("detail") or problem["title"]), *fields])
    except (ValueError, KeyError, TypeError, AttributeError):
        return text[:200]


# ── loading ──────────────────────────────────────────────────────────────────────────────────────────────


async def open_book(api: Api, book: Json) -> str:
    wanted = {key: book[key] for key in ("name", "currency", "description", "opening_balance")}
    opened = await api.post("/books", wanted)
    return str(opened["id"])


async def category_ids(api: Api, book_id: str, book: Json) -> dict[tuple[str, str], str]:
    """Find each category by (kind, name): those the book came with, and what they lack, made here."""
    path = f"/books/{book_id}/categories"
    present = (await api.get(f"{path}?limit=200"))["items"]
    ids = {(category["kind"], category["name"]): str(category["id"]) for category in present}
    wanted = {(entry["kind"], entry["category"]) for entry in book["entries"]}
    for kind, name in sorted(wanted - ids.keys()):
        ids[kind, name] = str((await api.post(path, {"kind": kind, "name": name}))["id"])
    return ids


async def entry_requests(api: Api, book_id: str, book: Json) -> list[tuple[str, Json]]:
    """List what to post for every entry of a book: (path, body)."""
    ids = await category_ids(api, book_id, book)
    fields = ("kind", "amount", "occurred_on", "memo", "tags")
    return [
        (
            f"/books/{book_id}/entries",
            {field: entry[field] for field in fields} | {"category_id": ids[entry["kind"], entry["category"]]},
        )
        for entry in book["entries"]
    ]


async def post_all(api: Api, requests: list[tuple[str, Json]], concurrency: int, posted: Callable[[], None]) -> None:
    """Post everything, with at most `concurrency` requests under way at once."""
    waiting = iter(requests)

    async def poster() -> None:
        for path, body in waiting:  # shared: each poster takes the next one
            await api.post(path, body)
            posted()

    async with asyncio.TaskGroup() as posters:
        for _ in range(concurrency):
            posters.create_task(poster())


async def load(api: Api, household: Json, concurrency: int, console: Console) -> list[str]:
    """Write the whole file into new books. Returns their ids, in the order of the file."""
    book_ids = [await open_book(api, book) for book in household["books"]]
    requests: list[tuple[str, Json]] = []
    for book_id, book in zip(book_ids, household["books"], strict=True):
        requests += await entry_requests(api, book_id, book)
    started = time.perf_counter()
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("writing entries", total=len(requests))
        await post_all(api, requests, concurrency, lambda: progress.advance(task))
    seconds = time.perf_counter() - started
    console.print(f"{len(requests):,} entries in {seconds:.1f} s, {len(requests) / seconds:,.0f} a second")
    return book_ids


# ── showing ──────────────────────────────────────────────────────────────────────────────────────────────


def grouped(amount: str) -> str:
    """Write a decimal string with thousands separators, every digit kept."""
    whole, dot, decimals = amount.partition(".")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(digits):,}{dot}{decimals}"


def table(title: str, labels: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    shown = Table(title=title, title_justify="left", title_style="bold")
    for index, label in enumerate(labels):
        shown.add_column(label, justify="right" if index else "left")
    for row in rows:
        shown.add_row(*row)
    return shown


def wallet_table(wallet: Json) -> Table:
    figures = (*SUMS, "balance")
    rows = [[shown["currency"], *(grouped(shown[figure]) for figure in figures)] for shown in wallet["wallets"]]
    return table("Wallet", ("currency", *figures), rows)


def months_table(book: Json, totals: Json) -> Table:
    rows = [
        [group["key"], str(group["count"]), *(grouped(group[figure]) for figure in SUMS)] for group in totals["groups"]
    ]
    whole = [
        "all",
        str(sum(group["count"] for group in totals["groups"])),
        *(grouped(totals[figure]) for figure in SUMS),
    ]
    shown = table(f"{book['name']} ({book['currency']})", ("month", "entries", *SUMS), [*rows, whole])
    shown.rows[-1].style = "bold"
    return shown


# ── checking ─────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Check:
    """One figure, as the file says it and as the service answered it."""

    what: str
    expected: Any
    answered: Any

    def __str__(self) -> str:
        return f"{self.what}: the file says {self.expected}, the service {self.answered}"


def compare(what: str, expected: Json, answered: Json, figures: Iterable[str]) -> list[Check]:
    return [Check(f"{what}, {figure}", expected.get(figure), answered.get(figure)) for figure in figures]


def compare_all(
    what: str, key: str, expected: list[Json], answered: list[Json], figures: tuple[str, ...]
) -> list[Check]:
    """Pair records by their key, in either direction: one that only one side has is a difference too."""
    by_key = {record[key]: record for record in expected}, {record[key]: record for record in answered}
    return [
        check
        for name in sorted(by_key[0].keys() | by_key[1].keys())
        for check in compare(f"{what} {name}", by_key[0].get(name, {}), by_key[1].get(name, {}), figures)
    ]


def check_book(book: Json, totals: Json) -> list[Check]:
    expected = book["expected"]
    return compare(book["name"], expected, totals, (*SUMS, "balance")) + compare_all(
        book["name"], "key", expected["months"], totals["groups"], (*SUMS, "count")
    )


def report(checks: list[Check], console: Console) -> int:
    """Print the verdict. Returns the exit status."""
    differences = [check for check in checks if check.expected != check.answered]
    for check in differences:
        console.print(f"[red]✗[/] {escape(str(check))}")
    if differences:
        console.print(f"[bold red]{len(differences)} of {len(checks)} figures differ from {HOUSEHOLD.name}[/]")
        return 1
    console.print(f"[bold green]✓ all figures agree[/] ({len(checks)} compared with {HOUSEHOLD.name})")
    return 0


async def run(url: str, concurrency: int, console: Console) -> int:
    household = json.loads(HOUSEHOLD.read_text("utf-8"))
    timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(url, timeout=timeout) as http:
        api = Api(http)
        console.print(f"signed up at {url} as {await api.sign_up_and_in()}")
        book_ids = await load(api, household, concurrency, console)
        wallet = await api.get("/wallet")
        totals = [await api.get(f"/books/{book_id}/totals?group_by=month") for book_id in book_ids]
    console.print(wallet_table(wallet))
    checks = compare_all("wallet", "currency", household["wallets"], wallet["wallets"], (*SUMS, "balance"))
    for book, answered in zip(household["books"], totals, strict=True):
        console.print(months_table(book, answered))
        checks += check_book(book, answered)
    return report(checks, console)


async def demo(url: str | None, concurrency: int, console: Console) -> int:
    console.print("using the service at " + url if url else "starting a service of its own …")
    async with nullcontext(url) if url else own_service() as service_url:
        return await run(service_url, concurrency, console)


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def http_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise argparse.ArgumentTypeError("must look like http://127.0.0.1:8080")
    return text.rstrip("/")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--url", type=http_url, help="a running service, e.g. http://127.0.0.1:8080 (default: start one, stop it after)"
    )
    parser.add_argument(
        "--concurrency", type=positive, default=16, help="requests under way at once (default: %(default)s)"
    )
    return parser.parse_args()


def main() -> int:
    options = arguments()
    console = Console()
    try:
        return asyncio.run(demo(options.url, options.concurrency, console))
    except* DemoError as errors:
        first = errors.exceptions[0]
        console.print(f"[bold red]the demo stopped:[/] {escape(str(first))}", soft_wrap=True)
    except* KeyboardInterrupt:
        console.print("interrupted")
    return 1


if __name__ == "__main__":
    sys.exit(main())
