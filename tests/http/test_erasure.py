"""Erasing an account: nothing of the person is left to read, and nothing that others rely on is lost."""

import asyncio

import asyncpg
import pytest

from auth.throttle import SIGN_IN
from tests.http.conftest import PASSWORD, Household, entries_of, path_of
from tests.http.test_factors import App

ME = "/users/me"
OLD = "mina@example.com"


async def erase(household, password=PASSWORD, **fields):
    return await household.ask("DELETE", ME, json={"password": password, **fields})


async def erased(household):
    answer = await erase(household)
    assert (answer.status, answer.content) == (204, b"")


@pytest.fixture
async def connection(dsn):
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


async def everything_read(connection):
    """All rows of all read models, as text."""
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'readmodels'")
    return {
        table: [row["text"] for row in await connection.fetch(f"SELECT t::text AS text FROM readmodels.{table} t")]
        for (table,) in tables
    }


async def test_erased_account_is_gone_and_its_address_free_for_a_new_one(home, guest):
    user_id = await home.id
    await erased(home)

    assert (await home.get(ME)).outcome == (401, "unauthenticated")
    refresh = {"refresh_token": home.tokens["refresh_token"]}
    assert (await guest.post("/users/token", refresh)).outcome == (401, "invalid-refresh-token")
    sign_in = {"email": OLD, "password": PASSWORD}
    assert (await guest.post("/users/signin", sign_in)).outcome == (401, "invalid-credentials")

    again = await guest.signed_up("MINA@example.com")
    me = (await again.get(ME)).json
    assert (me["id"] == user_id, me["name"]) == (False, None)
    assert (await again.get("/books")).items == []


async def test_every_session_and_api_token_ends_with_the_account(home, guest):
    other = await guest.signed_in(OLD)
    made = await home.made(f"{ME}/tokens", {"name": "script", "scopes": ["read"], "expires_in_seconds": 3600})
    script = {"Authorization": f"Bearer {made['token']}"}
    assert (await guest.get("/books", headers=script)).status == 200

    await erased(home)

    assert (await other.get(ME)).outcome == (401, "unauthenticated")
    assert (await guest.get("/books", headers=script)).outcome == (401, "unauthenticated")


async def test_books_owned_alone_are_erased_with_the_account(home, guest, stranger):
    book = await home.open_book(name="비밀 장부")
    entry = await home.record(book, memo="병원")
    share = await home.made(f"{path_of(entry)}/shares", {})
    invitation = await home.invite(book, stranger.email)

    await erased(home)

    assert (await guest.get(f"/s/{share['code']}")).outcome == (404, "share-not-found")
    assert (await stranger.post(f"/invitations/{invitation}/accept")).outcome == (404, "invitation-not-found")
    assert (await stranger.get(f"/books/{book['id']}")).outcome == (404, "book-not-found")


async def test_nothing_personal_is_left_in_the_read_models_and_no_key_to_the_events(home, connection):
    book = await home.open_book(name="비밀 장부", description="가족만")
    await home.category(book, "식비")
    await home.record(book, memo="병원", tags=["약"])
    await home.made(f"{ME}/tokens", {"name": "script", "scopes": ["read"], "expires_in_seconds": 3600})
    user_id = await home.id
    journals = [user_id, book["id"]]
    assert 2 == await connection.fetchval(
        "SELECT count(*) FROM eventstore.journal_keys WHERE journal_id = ANY ($1)", journals
    )

    await erased(home)

    rows = await everything_read(connection)
    kept = {name: [row for row in rows[name] if any(journal in row for journal in journals)] for name in rows}
    assert {name for name, found in kept.items() if found} == {"checkpoints", "denylist"}
    assert not any("mina" in row or "김미나" in row for found in rows.values() for row in found)
    assert [] == await connection.fetch("SELECT FROM eventstore.journal_keys WHERE journal_id = ANY ($1)", journals)


async def test_events_stay_as_they_were_without_gaps_and_the_last_of_a_journal_tells_of_the_erasure(home, connection):
    book = await home.open_book()
    await home.record(book)
    journals = [await home.id, book["id"]]
    read = "SELECT * FROM eventstore.events WHERE journal_id = ANY ($1) ORDER BY journal_id, position"
    before = await connection.fetch(read, journals)

    await erased(home)

    after = await connection.fetch(read, journals)
    assert before == [row for row in after if row in before]
    for journal_id in journals:
        events = [row for row in after if str(row["journal_id"]) == journal_id]
        assert [row["position"] for row in events] == list(range(1, len(events) + 1))
        assert "erased" in {row["topic"].split(".")[1] for row in after[-1:]}
    roots = {row["topic"] for row in after if row not in before and row["journal_id"] == row["stream_id"]}
    assert roots == {"user.erased", "book.erased"}


async def test_others_keep_the_book_its_totals_and_who_did_what_without_the_name(home, stranger, connection):
    book = await stranger.open_book()
    await stranger.share(book, home)
    entry = await home.record(book, memo="장보기")
    totals = (await stranger.get(f"/books/{book['id']}/totals")).json
    user_id = await home.id
    history = (await stranger.get(f"{path_of(entry)}/history")).items
    assert history[0]["actor"] == {"id": user_id, "name": "김미나"}

    await erased(home)

    assert (await stranger.get(f"/books/{book['id']}/totals")).json == totals
    assert [member["user_id"] for member in (await stranger.get(f"/books/{book['id']}/members")).items] == [
        await stranger.id
    ]
    (kept,) = (await stranger.get(entries_of(book))).items
    assert (kept["created_by"], kept["memo"]) == (user_id, "장보기")
    history = (await stranger.get(f"{path_of(entry)}/history")).items
    assert history[0]["actor"] == {"id": user_id, "name": None}


async def test_book_that_others_belong_to_is_handed_over_or_left_first(home, stranger):
    book = await home.open_book(name="모임")
    alone = await home.open_book(name="혼자")
    await home.share(book, stranger)

    refused = await erase(home)
    assert refused.outcome == (409, "books-shared")
    assert "모임" in refused.json["detail"]
    assert "혼자" not in refused.json["detail"]
    assert (await home.get(f"/books/{alone['id']}")).status == 200

    handed = await home.patch(f"/books/{book['id']}/members/{await stranger.id}", {"role": "owner"})
    assert handed.status == 200
    await erased(home)
    assert (await stranger.get(f"/books/{book['id']}")).json["role"] == "owner"


async def test_member_of_a_deleted_book_may_go(home, stranger):
    book = await stranger.open_book()
    await stranger.share(book, home)
    assert (await stranger.delete(f"/books/{book['id']}")).status == 204
    await erased(home)


async def test_refusal_for_a_shared_book_counts_as_no_guess(home, stranger):
    await home.share(await home.open_book(), stranger)
    outcomes = {(await erase(home)).status for _ in range(SIGN_IN.pair.free + 1)}

    assert outcomes == {409}


async def test_wrong_password_erases_nothing(home):
    assert (await erase(home, "wrong-Pferd-77")).outcome == (403, "wrong-password")
    assert (await home.ask("DELETE", ME, json={})).errors == {"password": "Missing data for required field."}
    assert (await home.get(ME)).status == 200


async def test_second_factor_is_asked_for_where_one_is_set_up(home):
    app = App((await home.made(f"{ME}/totp", {"password": PASSWORD}))["secret"])
    assert (await home.post(f"{ME}/totp/confirm", {"otp": await app.code()})).status == 200

    assert (await erase(home)).outcome == (401, "otp-required")
    assert (await erase(home, otp="000000")).outcome == (403, "wrong-password")
    assert (await home.get(ME)).status == 200
    assert (await erase(home, otp=await app.code())).status == 204


async def test_erasures_at_once_erase_once(home, connection):
    answers = await asyncio.gather(*(erase(home) for _ in range(4)))
    outcomes = {answer.outcome for answer in answers}
    assert (204, None) in outcomes
    assert outcomes <= {(204, None), (401, "unauthenticated")}
    assert 1 == await connection.fetchval("SELECT count(*) FROM eventstore.events WHERE topic = 'user.erased'")


async def test_erasure_amid_sign_ins_leaves_no_session_that_can_go_on(home: Household, guest):
    async def sign_in():
        return await guest.post("/users/signin", {"email": OLD, "password": PASSWORD})

    answers = await asyncio.gather(erase(home), *(sign_in() for _ in range(4)))
    assert answers[0].status == 204
    for answer in answers[1:]:
        if answer.status == 200:
            tokens = answer.json
            assert (await Household(guest.client, OLD, tokens).get(ME)).outcome == (401, "unauthenticated")
            refresh = {"refresh_token": tokens["refresh_token"]}
            assert (await guest.post("/users/token", refresh)).outcome == (401, "invalid-refresh-token")
        else:
            assert answer.outcome == (401, "invalid-credentials")


async def test_book_opened_at_the_same_moment_is_erased_too_or_not_opened(home, connection):
    answers = await asyncio.gather(erase(home), *(home.post("/books", {"name": f"책 {n}"}) for n in range(8)))
    assert answers[0].status == 204
    opened = [answer.json["id"] for answer in answers[1:] if answer.status == 201]
    assert [] == await connection.fetch("SELECT FROM eventstore.journal_keys WHERE journal_id = ANY ($1)", opened)
