"""Every list: whole or by pages, and what may be asked of it."""

from itertools import chain

import pytest

from tests.authenticator import Authenticator
from tests.http.conftest import PASSWORD, path_of, walk

SHOWN_WHOLE = [
    "{book}/members",
    "{book}/closings",
    "{entry}/history",
    "{category}/history",
    "/users/me/sessions",
    "/users/me/tokens",
    "/users/me/passkeys",
]
PAGED = ["/books", "{book}/history", "{book}/entries", "{book}/categories", "{book}/statements", "{entry}/shares"]


@pytest.fixture
async def path_to(home, stranger, guest, book):
    """Name a path in a household that has three of everything."""
    path = f"/books/{book['id']}"
    for email in ("ara@example.com", "bora@example.com"):
        await home.share(book, await guest.signed_up(email), "viewer")
    category = await home.category(book, "식비")
    for number in (1, 2):
        await home.open_book(name=f"{number}")
        await home.patch(f"{path}/categories/{category['id']}", {"name": f"{number}"})
        await home.signed_in(home.email)
    for number in (1, 2, 3):
        await register_passkey(home, f"{number}")
        await home.made("/users/me/tokens", {"name": f"{number}", "scopes": ["read"]})
        await home.made(f"{path}/closings", {"through": f"2026-01-0{number}"})
        entry = await home.record(book, occurred_on=f"2026-0{number + 1}-01")
        await home.made(f"{path_of(entry)}/shares")
    for _ in range(2):
        await home.made(f"{path_of(entry)}/shares")
        await home.patch(path_of(entry), {"amount": 1 + (await home.get(path_of(entry))).json["version"]})
    places = {"book": path, "entry": path_of(entry), "category": f"{path}/categories/{category['id']}"}
    return lambda form: form.format(**places)


async def register_passkey(household, name):
    options = (await household.post("/users/me/passkeys/options", {"password": PASSWORD})).json
    await household.made("/users/me/passkeys", {"name": name, "credential": Authenticator().create(options)})


@pytest.mark.parametrize("form", [*SHOWN_WHOLE, *PAGED])
async def test_pages_of_a_list_have_neither_doubles_nor_gaps(home, path_to, form):
    path = path_to(form)
    whole = (await home.get(path)).json
    assert (True, None) == (len(whole["items"]) >= 3, whole["next_cursor"])
    for limit in (1, 2, 3, 200):
        pages = await walk(home, f"{path}?limit={limit}")
        assert whole["items"] == list(chain(*pages))
        assert {limit} >= {len(page) for page in pages[:-1]}


@pytest.mark.parametrize("form", [*SHOWN_WHOLE, *PAGED])
async def test_limit_or_cursor_that_is_malformed_is_refused(home, path_to, form):
    path, other = path_to(form), path_to("{book}/members" if form != "{book}/members" else "{book}/closings")
    foreign = (await home.get(f"{other}?limit=1")).json["next_cursor"]
    for query in ("limit=x", "limit=0", "limit=201", "limit=", "cursor=x", "cursor=", f"cursor={foreign}"):
        assert [query.partition("=")[0]] == list((await home.get(f"{path}?{query}")).errors), query


async def test_list_shown_whole_stays_so_however_long_it_is(home, book):
    entry = await home.record(book)
    for number in range(60):
        await home.patch(path_of(entry), {"memo": f"{number}"})
    answer = await home.get(f"{path_of(entry)}/history")

    assert (61, None) == (len(answer.items), answer.json["next_cursor"])
    assert "Link" not in answer.headers


async def test_history_of_a_book_is_told_fifty_at_a_time_and_every_change_from_what_was_before(home, book):
    path = f"/books/{book['id']}"
    for number in range(60):
        await home.patch(path, {"description": f"{number}"})
    first, second = await walk(home, f"{path}/history")

    assert [*range(1, 51)] == [item["version"] for item in first]
    assert [*range(51, 62)] == [item["version"] for item in second]
    assert {"description": {"from": "48", "to": "49"}} == second[0]["changes"]
    assert [3, 4] == [item["version"] for item in (await walk(home, f"{path}/history?limit=2&known_at=4"))[1]]


async def test_page_goes_on_where_the_last_one_ended_though_its_last_item_is_gone(home):
    for number in (1, 2, 3):
        await home.made("/users/me/tokens", {"name": f"{number}", "scopes": ["read"]})
    first = await home.get("/users/me/tokens?limit=2")
    await home.delete(f"/users/me/tokens/{first.items[1]['id']}")
    rest = await home.get(first.headers["Link"].split(">")[0][1:])

    assert ["3", "2", "1"] == [token["name"] for token in (*first.items, *rest.items)]


# ── what is asked twice ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("part", "query", "field"),
    [
        ("/entries", "kind=income&kind=expense", "kind"),
        ("/entries", "limit=1&limit=1", "limit"),
        ("/entries", "q=a&sort=amount&q=b", "q"),
        ("/totals", "from=2026-01-01&from=2026-02-01", "from"),
        ("", "known_at=1&known_at=2", "known_at"),
        ("/export", "format=csv&format=ndjson", "format"),
    ],
)
async def test_parameter_given_twice_is_refused(home, book, part, query, field):
    answer = await home.get(f"/books/{book['id']}{part}?{query}")
    assert {field: "This is given twice: say one."} == answer.errors


async def test_parameter_of_an_import_given_twice_is_refused(home, book):
    content, csv = b"kind,amount,occurred_on\nincome,1,2026-01-01\n", {"Content-Type": "text/csv"}
    path = f"/books/{book['id']}/imports?decimal=.&decimal=,"
    assert ["decimal"] == list((await home.ask("POST", path, data=content, headers=csv)).errors)
