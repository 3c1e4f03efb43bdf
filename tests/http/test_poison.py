"""What clients see while a book holds an event that no fold can take."""

from uuid import UUID

import asyncpg
import pytest

from tests.fault.until import until
from tests.http.conftest import entries_of
from tests.poison import append_unreadable, list_poisoned, poison


@pytest.fixture
async def owner(dsn):
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


async def readiness(guest):
    ready = await guest.get("/readyz")
    assert ready.status == 200
    return ready.json["status"], ready.json["projector"]["poisoned"]


async def test_reads_that_need_what_stopped_are_503_and_all_else_is_served(
    home, stranger, guest, book, owner, keyring, metadata
):
    entry = await home.record(book)
    other = await home.open_book(name="Other")
    await home.record(other)
    assert await readiness(guest) == ("ok", 0)
    await poison(owner, keyring, metadata, UUID(book["id"]))

    for path in (entries_of(book), f"{entries_of(book)}/{entry['id']}", f"/books/{book['id']}/totals?group_by=day"):
        answer = await home.get(path)
        assert answer.outcome == (503, "projection-stopped")
        assert answer.headers["Retry-After"] == "60"
    for path in (f"/books/{book['id']}", "/books", "/wallet", f"/books/{book['id']}/members", entries_of(other)):
        assert (await home.get(path)).status == 200
    assert (await home.get(f"/books/{other['id']}/totals?group_by=day")).json["total"] == "-12000"
    await home.record(book)  # writes go on
    await until(lambda: is_degraded(guest))
    assert await readiness(guest) == ("degraded", 3)


async def test_sums_and_lists_that_would_lack_a_book_are_503_for_its_members_and_right_for_others(
    home, stranger, guest, book, owner, metadata
):
    theirs = await stranger.open_book()
    await stranger.record(theirs)
    await home.share(book, stranger, "viewer")
    await append_unreadable(owner, metadata, UUID(book["id"]))

    assert (await home.get("/wallet")).outcome == (503, "projection-stopped")
    assert (await stranger.get("/books")).outcome == (503, "projection-stopped")
    (wallet,) = (await stranger.get("/wallet")).json["wallets"]
    assert (wallet["total"], [each["book_id"] for each in wallet["books"]]) == ("-12000", [theirs["id"]])
    assert (await stranger.get(f"/books/{theirs['id']}")).status == 200


async def test_account_with_an_event_that_cannot_be_shown_is_served_all_that_does_not_need_it(
    home, stranger, guest, book, owner, metadata, database
):
    await home.share(book, stranger, "viewer")
    await append_unreadable(owner, metadata, UUID(await home.id))
    await until(lambda: is_degraded(guest))

    assert {each.topic for each in await list_poisoned(database)} == {"entry.forged"}
    assert (await home.get(f"/books/{book['id']}")).status == 200
    assert (await home.get("/wallet")).status == 200
    assert (await stranger.get(f"/books/{book['id']}/members")).outcome == (503, "projection-stopped")


async def is_degraded(guest):
    return (await readiness(guest))[0] == "degraded"
