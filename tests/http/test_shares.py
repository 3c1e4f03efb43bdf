"""Share links: a code that shows one entry to whoever has it, and nothing else."""

import asyncio
import re
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import jwt
import pytest
from aiohttp.test_utils import TestClient, TestServer
from eventsourcing.utils import get_topic

from eventstore.codec import Metadata
from eventstore.store import Change
from ledger.http.requests import CLOCK
from ledger.share import OPENS_MAX, ShareOpening, opening_id_of
from service import now, open_app
from tests.contract.books import everything
from tests.http.conftest import NOWHERE, Household, path_of

DAY_SECONDS = 86_400
UNKNOWN = "AAAAAAAAAAA_"
"""A well-formed code that opens nothing."""


@pytest.fixture
async def entry(home, book):
    food = await home.category(book, "식비")
    return await home.record(book, memo="점심", tags=["외식"], category_id=food["id"])


@pytest.fixture
def another_worker(settings):
    """The service once more on the same database, with a projector of nobody's and a clock of its own."""

    @asynccontextmanager
    async def run(clock=now, tokens=None, **changes):
        own = replace(settings, projector=False, **changes)
        async with open_app(own, own.database_url) as app:
            app[CLOCK] = clock
            async with TestClient(TestServer(app)) as client:
                yield Household(client, tokens=tokens)

    return run


def shares_of(entry):
    return f"{path_of(entry)}/shares"


async def share(household, entry, **body):
    return await household.made(shares_of(entry), body)


async def links(household, entry):
    return (await household.get(shares_of(entry))).items


async def look(guest, link):
    return await guest.get(f"/s/{link['code']}")


async def member(home, guest, book, role):
    """Someone who was invited to the book in this role, and came."""
    email = f"{role}@example.com"
    person = await guest.signed_up(email)
    invitation = await home.made(f"/books/{book['id']}/invitations", {"email": email, "role": role})
    assert 200 == (await person.post(f"/invitations/{invitation['token']}/accept")).status
    return person


def secluded(answer):
    return answer.headers["X-Robots-Tag"], answer.headers["Referrer-Policy"], answer.headers["Cache-Control"]


# ── making one ───────────────────────────────────────────────────────────────────────────────────────────


async def test_link_made_has_a_short_code_an_address_and_a_day_to_live(home, entry):
    earliest = datetime.now(UTC)
    answer = await home.post(shares_of(entry))
    link = answer.json

    assert (201, {"code", "url", "expires_at"}) == (answer.status, set(link))
    assert re.fullmatch(r"[A-Za-z0-9_-]{12}", link["code"])
    assert f"http://127.0.0.1:8080/s/{link['code']}" == link["url"]
    began = datetime.fromisoformat(link["expires_at"]) - timedelta(seconds=DAY_SECONDS)
    assert earliest <= began <= datetime.now(UTC)


async def test_link_begins_with_where_the_service_listens_unless_a_public_url_is_set(another_worker, home, entry):
    for host, port, address in [
        ("127.0.0.1", 9000, "http://127.0.0.1:9000"),
        ("0.0.0.0", 9000, "http://127.0.0.1:9000"),
        ("::", 80, "http://[::1]:80"),
        ("localhost", 9000, "http://localhost:9000"),
    ]:
        async with another_worker(host=host, port=port) as elsewhere:
            there = await elsewhere.signed_in(home.email)
            claims = jwt.decode(there.tokens["access_token"], options={"verify_signature": False})
            link = await share(there, entry)
            assert (claims["iss"], claims["aud"], link["url"]) == (address, address, f"{address}/s/{link['code']}")


async def test_link_begins_with_the_public_url_whether_that_ends_in_a_slash_or_not(another_worker, guest, home, entry):
    for public_url in ("https://money.example.com", "https://money.example.com/ledger/"):
        async with another_worker(public_url=public_url) as elsewhere:
            there = await elsewhere.signed_in(home.email)
            link = await share(there, entry)
            assert f"{public_url.rstrip('/')}/s/{link['code']}" == link["url"]
            assert 200 == (await look(guest, link)).status


async def test_links_to_one_entry_are_as_many_as_were_made(home, guest, entry):
    codes = {(await share(home, entry))["code"] for _ in range(3)}

    assert 3 == len(codes) == len(await links(home, entry))
    assert [200] * 3 == [(await guest.get(f"/s/{code}")).status for code in codes]


@pytest.mark.parametrize("seconds", [60, 2_592_000])
async def test_link_lasts_a_minute_at_least_and_thirty_days_at_most(home, entry, seconds):
    await share(home, entry, expires_in_seconds=seconds)
    (item,) = await links(home, entry)
    created, expires = (datetime.fromisoformat(item[name]) for name in ("created_at", "expires_at"))

    assert seconds == round((expires - created).total_seconds())


@pytest.mark.parametrize("seconds", [59, 2_592_001, 0, -60, 10**30, "3600", 3600.5, True, None, [60]])
async def test_link_of_another_lifetime_is_refused(home, entry, seconds):
    answer = await home.post(shares_of(entry), {"expires_in_seconds": seconds})

    assert {"expires_in_seconds"} == set(answer.errors)
    assert [] == await links(home, entry)


async def test_link_with_unknown_fields_is_refused(home, entry):
    assert {"code"} == set((await home.post(shares_of(entry), {"code": UNKNOWN})).errors)


@pytest.mark.parametrize("entry_id", [NOWHERE, "nothing"])
async def test_link_to_an_entry_that_is_not_there_is_refused(home, book, entry_id):
    path = f"/books/{book['id']}/entries/{entry_id}/shares"

    assert (404, "entry-not-found") == (await home.post(path)).outcome
    assert (404, "entry-not-found") == (await home.get(path)).outcome
    assert 404 == (await home.delete(f"{path}/{UNKNOWN}")).status


async def test_link_to_an_entry_of_another_book_is_refused(home, entry):
    path = f"/books/{(await home.open_book())['id']}/entries/{entry['id']}/shares"

    assert (404, "entry-not-found") == (await home.post(path)).outcome
    assert (404, "entry-not-found") == (await home.get(path)).outcome


async def test_link_to_a_deleted_entry_or_in_a_deleted_book_is_refused(home, book, entry):
    link = await share(home, entry)
    await home.delete(path_of(entry))
    assert (409, "entry-deleted") == (await home.post(shares_of(entry))).outcome
    await home.delete(f"/books/{book['id']}")

    assert (409, "book-deleted") == (await home.post(shares_of(entry))).outcome
    assert (409, "book-deleted") == (await home.delete(f"{shares_of(entry)}/{link['code']}")).outcome
    assert 1 == len(await links(home, entry))


async def test_link_asked_for_again_with_its_key_is_the_same_one(home, entry):
    body, key = {"expires_in_seconds": 600}, {"Idempotency-Key": "for-grandma"}
    first = await home.post(shares_of(entry), body, headers=key)
    again = await home.post(shares_of(entry), body, headers=key)

    assert (201, first.json) == (again.status, again.json)
    assert [None, "true"] == [answer.headers.get("Idempotency-Replayed") for answer in (first, again)]
    assert 1 == len(await links(home, entry))


async def test_link_asked_for_by_twins_is_one(home, entry):
    key = {"Idempotency-Key": "twins"}
    answers = await asyncio.gather(*(home.post(shares_of(entry), headers=key) for _ in range(5)))

    assert [201] * 5 == [answer.status for answer in answers]
    assert 1 == len({answer.json["code"] for answer in answers}) == len(await links(home, entry))


async def test_link_asked_for_again_is_answered_although_it_was_revoked_and_its_entry_deleted(home, guest, entry):
    key = {"Idempotency-Key": "lost"}
    first = await home.post(shares_of(entry), headers=key)
    await home.delete(f"{shares_of(entry)}/{first.json['code']}")
    await home.delete(path_of(entry))

    assert first.json == (await home.post(shares_of(entry), headers=key)).json
    assert (410, "share-gone") == (await look(guest, first.json)).outcome


async def test_link_with_the_key_of_another_request_is_refused(home, entry):
    key = {"Idempotency-Key": "once"}
    await home.post(shares_of(entry), headers=key)
    answer = await home.post(shares_of(entry), {"expires_in_seconds": 60}, headers=key)

    assert (422, "idempotency-key-reused") == answer.outcome
    assert 1 == len(await links(home, entry))


async def test_links_to_several_entries_with_one_key_lead_to_each_of_them(home, guest, book, entry):
    beside = await home.record(book, memo="저녁")
    elsewhere = await home.record(await home.open_book(), memo="다른 책")
    key = {"Idempotency-Key": "once"}
    made = [(await home.post(shares_of(one), headers=key)).json for one in (entry, beside, elsewhere)]

    assert ["점심", "저녁", "다른 책"] == [(await look(guest, link)).json["memo"] for link in made]


async def test_links_of_two_users_with_one_key_are_two(home, guest, book, entry):
    editor, key = await member(home, guest, book, "editor"), {"Idempotency-Key": "1"}
    codes = {(await one.post(shares_of(entry), headers=key)).json["code"] for one in (home, editor)}

    assert 2 == len(codes)


# ── opening it ───────────────────────────────────────────────────────────────────────────────────────────


async def test_link_shows_the_entry_and_nothing_else_to_anybody(home, guest, stranger, entry):
    link = await share(home, entry)
    expected = {
        "amount": "12000",
        "kind": "expense",
        "currency": "KRW",
        "occurred_on": "2026-02-17",
        "memo": "점심",
        "category": "식비",
    }
    for anybody in (guest, stranger, home):
        answer = await look(anybody, link)
        assert (200, expected) == (answer.status, answer.json)
        assert ("noindex", "no-referrer", "private, no-store") == secluded(answer)
        assert "ETag" not in answer.headers


async def test_link_shows_decimals_and_null_where_there_is_no_category(home, guest):
    entry = await home.record(await home.open_book(currency="USD"), kind="income", amount="12.5")
    shown = (await look(guest, await share(home, entry))).json

    assert ("12.50", "USD", "income", "", None) == tuple(
        shown[name] for name in ("amount", "currency", "kind", "memo", "category")
    )


async def test_link_to_a_side_of_a_transfer_names_neither_the_other_book_nor_the_direction(home, guest, book):
    other = await home.open_book(name="비밀")
    body = {"from_book": book["id"], "to_book": other["id"], "amount": "500", "occurred_on": "2026-03-01"}
    moved = await home.made("/transfers", body)
    expected = {"amount": "500", "kind": "transfer", "currency": "KRW", "occurred_on": "2026-03-01"}

    for side in ("from", "to"):
        answer = await look(guest, await share(home, moved[side]))
        assert {**expected, "memo": "", "category": None} == answer.json


async def test_link_shows_the_entry_as_it_is_now(home, guest, book, entry):
    link, food = await share(home, entry), entry["category"]
    await home.patch(path_of(entry), {"amount": "15000", "memo": "저녁"})
    shown = (await look(guest, link)).json
    assert ("15000", "저녁") == (shown["amount"], shown["memo"])
    await home.patch(f"/books/{book['id']}/categories/{food['id']}", {"name": "밥값"})
    assert "밥값" == (await look(guest, link)).json["category"]
    await home.delete(f"/books/{book['id']}/categories/{food['id']}")
    assert "밥값" == (await look(guest, link)).json["category"]
    await home.post(f"{path_of(entry)}/revert", {"version": 1})
    shown = (await look(guest, link)).json
    assert ("12000", "점심", "밥값") == (shown["amount"], shown["memo"], shown["category"])


async def test_link_ends_at_the_very_moment_that_it_expires(home, guest, entry, another_worker):
    link = await share(home, entry, expires_in_seconds=60)
    expires_at = datetime.fromisoformat(link["expires_at"])
    moments = [(-timedelta(microseconds=1), 200), (timedelta(), 410), (timedelta(days=9), 410)]
    for offset, status in moments:
        async with another_worker(clock=lambda at=expires_at + offset: at) as there:
            answer = await look(there, link)
            assert status == answer.status, offset
            assert {200: None, 410: "share-gone"}[status] == answer.outcome[1]

    assert 1 == (await links(home, entry))[0]["opens"]


async def test_link_leads_nowhere_while_its_entry_is_deleted(home, guest, entry):
    link = await share(home, entry)
    await home.delete(path_of(entry))
    assert (404, "share-not-found") == (await look(guest, link)).outcome
    await home.post(f"{path_of(entry)}/restore")

    assert 200 == (await look(guest, link)).status


async def test_link_leads_nowhere_while_its_book_is_deleted(home, guest, book, entry):
    link = await share(home, entry)
    await home.delete(f"/books/{book['id']}")
    assert (404, "share-not-found") == (await look(guest, link)).outcome
    await home.post(f"/books/{book['id']}/restore")

    assert 200 == (await look(guest, link)).status


async def test_code_that_opens_nothing_is_not_found(home, guest, entry):
    link = await share(home, entry)
    (item,) = await links(home, entry)

    made = link["code"]
    for code in (UNKNOWN, made.swapcase(), item["id"], entry["id"], made[:-1], f"{made}A"):
        answer = await guest.get(f"/s/{code}")
        assert (404, "share-not-found") == answer.outcome, code
        assert ("noindex", "no-referrer", "private, no-store") == secluded(answer)


async def test_missing_link_is_not_written_of(guest, home, book, entry, dsn):
    await share(home, entry)
    owner = await asyncpg.connect(dsn)
    events = "SELECT count(*) FROM eventstore.events"
    before = await owner.fetchval(events)
    for code in (UNKNOWN, "nothing"):
        await guest.get(f"/s/{code}")

    assert before == await owner.fetchval(events)
    await owner.close()


@pytest.mark.parametrize("code", ["A", "A" * 11, "A" * 13, "AAAAAAAAAAA+", "AAAAAAAAAAA=", "AAAAAAAA%2FAAA", "가" * 12])
async def test_malformed_code_is_not_found_without_asking_the_database(guest, database_gone, code):
    async with database_gone():
        assert (503, "store-unavailable") == (await guest.get(f"/s/{UNKNOWN}")).outcome
        assert (404, "share-not-found") == (await guest.get(f"/s/{code}")).outcome


async def test_code_grants_nothing_else(home, guest, book, entry):
    code = (await share(home, entry))["code"]
    bearer = {"Authorization": f"Bearer {code}"}

    for path in (path_of(entry), shares_of(entry), f"/books/{book['id']}", "/books"):
        assert (401, "unauthenticated") == (await guest.get(path, headers=bearer)).outcome
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert (405, "method-not-allowed") == (await guest.ask(method, f"/s/{code}")).outcome


# ── counting the looks ───────────────────────────────────────────────────────────────────────────────────


async def test_every_look_counts_once_and_is_shown_at_once(home, guest, entry):
    link, other = await share(home, entry), await share(home, entry)
    for opens in range(1, 4):
        await look(guest, link)
        assert {0, opens} == {item["opens"] for item in await links(home, entry)}
    await look(guest, other)

    assert [1, 3] == sorted(item["opens"] for item in await links(home, entry))


async def test_looks_that_show_nothing_do_not_count(home, guest, entry):
    link = await share(home, entry)
    path = f"/s/{link['code']}"
    head = await guest.ask("HEAD", path)
    assert (200, b"", "private, no-store") == (head.status, head.content, head.headers["Cache-Control"])
    await home.delete(path_of(entry))
    assert 404 == (await guest.get(path)).status
    await home.post(f"{path_of(entry)}/restore")
    await home.delete(f"{shares_of(entry)}/{link['code']}")
    assert 410 == (await guest.get(path)).status

    assert [0] == [item["opens"] for item in await links(home, entry)]


async def test_looks_at_the_same_moment_on_several_workers_all_count(home, guest, entry, another_worker):
    link = await share(home, entry)
    async with another_worker() as elsewhere:
        lookers = [guest, elsewhere] * 8
        answers = await asyncio.gather(*(look(one, link) for one in lookers))

    assert [200] * 16 == [answer.status for answer in answers]
    assert 16 == (await links(home, entry))[0]["opens"]


async def test_looks_beyond_the_limit_are_served_and_not_counted(home, guest, book, entry, store):
    link = await share(home, entry)
    book_id, share_id = UUID(book["id"]), UUID((await links(home, entry))[0]["id"])
    earlier = [ShareOpening(opening_id_of(share_id, number), share_id) for number in range(1, OPENS_MAX - 1)]
    await store.append(Metadata(None, "test"), [Change(book_id, opening) for opening in earlier])
    assert OPENS_MAX - 2 == (await links(home, entry))[0]["opens"]

    answers = await asyncio.gather(*(look(guest, link) for _ in range(5)))
    assert [200] * 5 == [answer.status for answer in answers]
    assert 1_000 == OPENS_MAX == (await links(home, entry))[0]["opens"]
    assert 200 == (await look(guest, link)).status
    topics = Counter(get_topic(type(recorded.event)) for recorded in await everything(store, book_id))
    assert {"book.opened": 1, "entry.recorded": 1, "share.issued": 1, "share_opening.opened": OPENS_MAX} == topics


# ── the list, and revoking ───────────────────────────────────────────────────────────────────────────────


async def test_list_shows_what_became_of_every_link_but_no_code(home, guest, entry):
    link = await share(home, entry, expires_in_seconds=60)
    await look(guest, link)
    (item,) = await links(home, entry)

    assert {"id", "expires_at", "created_at", "opens", "revoked"} == set(item)
    assert (link["expires_at"], 1, False) == (item["expires_at"], item["opens"], item["revoked"])
    assert link["code"] not in str(item)


async def test_list_is_paged_latest_first(home, entry):
    made = [(await share(home, entry, expires_in_seconds=60 + number))["expires_at"] for number in range(5)]
    seen, path = [], f"{shares_of(entry)}?limit=2"
    while path:
        answer = await home.get(path)
        seen.append([item["expires_at"] for item in answer.items])
        link = answer.headers.get("Link", "").removesuffix('>; rel="next"').removeprefix("<")
        assert (answer.json["next_cursor"] is None) == (not link)
        path = link

    assert [made[:2:-1], made[2:0:-1], made[:1]] == seen


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "cursor=x", "known_at=yesterday"])
async def test_list_asked_for_wrongly_is_refused(home, entry, query):
    assert {query.partition("=")[0]} == set((await home.get(f"{shares_of(entry)}?{query}")).errors)


async def test_list_of_an_entry_has_no_links_to_others(home, book, entry):
    await share(home, await home.record(book))

    assert [] == await links(home, entry)


async def test_list_of_a_deleted_entry_is_there_and_its_links_can_be_revoked(home, guest, entry):
    link = await share(home, entry)
    await home.delete(path_of(entry))
    (item,) = await links(home, entry)
    assert 204 == (await home.delete(f"{shares_of(entry)}/{item['id']}")).status
    await home.post(f"{path_of(entry)}/restore")

    assert (410, "share-gone") == (await look(guest, link)).outcome


async def test_list_known_at_a_moment_is_that_of_then(home, guest, book, entry):
    async def known(position):
        return (await home.get(f"{shares_of(entry)}?known_at={position}")).items

    link = await share(home, entry)  # the journal's third event, after the book and the entry
    for _ in range(2):
        await look(guest, link)
    await home.delete(f"{shares_of(entry)}/{link['code']}")
    (item,) = await links(home, entry)

    told = [(one["opens"], one["revoked"]) for position in range(3, 8) for one in await known(position)]
    assert [(0, False), (1, False), (2, False), (2, True), (2, True)] == told
    assert [] == await known(2)
    assert [{**item, "opens": 0, "revoked": False}] == await known(item["created_at"])
    assert (404, "entry-not-found") == (await home.get(f"{shares_of(entry)}?known_at=1")).outcome
    assert (404, "book-not-found") == (await home.get(f"{shares_of(entry)}?known_at=0")).outcome


@pytest.mark.parametrize("name", ["code", "id"])
async def test_link_revoked_shows_nothing_any_more(home, guest, entry, name):
    link = await share(home, entry)
    (item,) = await links(home, entry)
    answer = await home.delete(f"{shares_of(entry)}/{ {**link, **item}[name] }")

    assert (204, b"") == (answer.status, answer.content)
    gone = await look(guest, link)
    assert (410, "share-gone") == gone.outcome
    assert ("noindex", "no-referrer", "private, no-store") == secluded(gone)
    assert [{**item, "revoked": True}] == await links(home, entry)


async def test_link_revoked_twice_is_refused_the_second_time(home, entry):
    path = f"{shares_of(entry)}/{(await share(home, entry))['code']}"

    assert [204, 409] == [(await home.delete(path)).status for _ in range(2)]
    assert (409, "share-revoked") == (await home.delete(path)).outcome


async def test_link_revoked_by_several_at_once_is_revoked_once(home, entry):
    path = f"{shares_of(entry)}/{(await share(home, entry))['code']}"
    answers = await asyncio.gather(*(home.delete(path) for _ in range(5)))

    assert [204, 409, 409, 409, 409] == sorted(answer.status for answer in answers)


async def test_link_is_revoked_where_it_belongs_alone(home, guest, book, entry):
    link, other = await share(home, entry), await home.record(book)
    for name in (link["code"], (await links(home, entry))[0]["id"], UNKNOWN, NOWHERE, "nothing", "A" * 40):
        assert (404, "share-not-found") == (await home.delete(f"{shares_of(other)}/{name}")).outcome, name

    assert 200 == (await look(guest, link)).status


# ── who may ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("role", "may_write"), [("editor", True), ("viewer", False), ("auditor", False)])
async def test_links_are_listed_by_every_member_and_made_and_revoked_by_writers(
    home, guest, book, entry, role, may_write
):
    person, link = await member(home, guest, book, role), await share(home, entry)
    made, revoked = await person.post(shares_of(entry)), await person.delete(f"{shares_of(entry)}/{link['code']}")

    assert [201, 204] if may_write else [403, 403] == [made.status, revoked.status]
    assert (await links(home, entry)) == await links(person, entry)
    assert (410 if may_write else 200) == (await look(guest, link)).status


async def test_links_are_none_of_a_strangers_business(home, guest, stranger, entry):
    link = await share(home, entry)
    revoke = f"{shares_of(entry)}/{link['code']}"
    asked = [("POST", shares_of(entry)), ("GET", shares_of(entry)), ("DELETE", revoke)]

    assert [(404, "book-not-found")] * 3 == [(await stranger.ask(*one)).outcome for one in asked]
    assert [(401, "unauthenticated")] * 3 == [(await guest.ask(*one)).outcome for one in asked]
    assert 200 == (await look(guest, link)).status


async def test_link_outlives_the_member_who_made_it(home, guest, book, entry):
    editor = await member(home, guest, book, "editor")
    link, me = await share(editor, entry), (await editor.get("/users/me")).json
    assert 204 == (await home.delete(f"/books/{book['id']}/members/{me['id']}")).status

    assert (404, "book-not-found") == (await editor.delete(f"{shares_of(entry)}/{link['code']}")).outcome
    assert 200 == (await look(guest, link)).status


# ── several workers, restarts, and what is stored ────────────────────────────────────────────────────────


async def test_link_is_opened_and_refused_on_any_worker_at_once(home, entry, another_worker):
    async with another_worker() as one, another_worker(tokens=home.tokens) as other:
        link = await share(other, entry)
        assert 200 == (await look(one, link)).status
        await other.patch(path_of(entry), {"memo": "새로"})
        assert "새로" == (await look(one, link)).json["memo"]
        await other.delete(f"{shares_of(entry)}/{link['code']}")
        assert 410 == (await look(one, link)).status


async def test_links_survive_a_restart(home, guest, entry, another_worker):
    live, revoked = await share(home, entry), await share(home, entry)
    await look(guest, live)
    await home.delete(f"{shares_of(entry)}/{revoked['code']}")
    before = await links(home, entry)

    async with another_worker(tokens=home.tokens) as restarted:
        assert before == await links(restarted, entry)
        assert [200, 410] == [(await look(restarted, link)).status for link in (live, revoked)]


async def test_code_is_stored_nowhere(home, guest, entry, dsn):
    link = (await home.post(shares_of(entry), headers={"Idempotency-Key": "a-key"})).json
    await look(guest, link)
    await home.delete(f"{shares_of(entry)}/{link['code']}")
    owner = await asyncpg.connect(dsn)
    tables = await owner.fetch(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
        " WHERE schemaname IN ('eventstore', 'readmodels', 'public')"
    )
    events = await owner.fetch("SELECT topic, convert_from(state, 'UTF8') AS state FROM eventstore.events")
    rows = [str(row) for table in tables for row in await owner.fetch(f"SELECT t::text FROM {table['name']} t")]
    await owner.close()

    assert {"share.issued", "share.revoked", "share_opening.opened"} <= {event["topic"] for event in events}
    assert [] == [text for text in [*rows, *map(str, events)] if link["code"] in text]
