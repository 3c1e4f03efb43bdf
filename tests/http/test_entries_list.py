"""Lists of entries: filtered, searched, sorted and walked to their end."""

from itertools import chain, product
from urllib.parse import quote, urlencode
from uuid import UUID

import pytest

from projections import finding
from projections.paging import encode_cursor
from tests.http.conftest import NOWHERE, entries_of, path_of, walk

SORTS = {
    "-occurred_on": (lambda entry: entry["occurred_on"], True),
    "occurred_on": (lambda entry: entry["occurred_on"], False),
    "amount": (lambda entry: int(entry["amount"]), False),
    "-amount": (lambda entry: int(entry["amount"]), True),
    "-recorded_at": (lambda entry: entry["created_at"], True),
}

KEYS = [
    ("amount", 10**18, 10**18 + 1),
    ("-amount", 0, -1),
    ("-recorded_at", "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00+09:00"),
    ("-recorded_at", "0001-01-01T00:00:00+00:00", "0001-01-01T00:00:00+23:00"),
    ("-recorded_at", "9999-12-31T23:59:59.999999+00:00", "9999-12-31T23:59:59.999999-23:00"),
]
"""Of a sort: a key that an entry could have, and one that none can have."""


def ordered(entries, sort):
    """Sort as the contract says: by the key, equal ones by id."""
    key, reverse = SORTS[sort]
    return sorted(sorted(entries, key=lambda entry: entry["id"]), key=key, reverse=reverse)


@pytest.fixture
async def found(home, book):
    """Ask for a list and return what it shows."""

    async def ask(**query):
        answer = await home.get(entries_of(book), params={"limit": "200", **query})
        assert answer.status == 200, answer.content
        return answer.items

    return ask


@pytest.fixture
async def year(home, book):
    """Entries of all kinds, with equal days and equal amounts among them."""
    food, salary = await home.category(book, "식비"), await home.category(book, "급여", "income")
    entries = []
    for number in range(24):
        income = number % 3 == 0
        fields = {
            "kind": "income" if income else "expense",
            "amount": str(1000 * (1 + number % 4)),
            "occurred_on": f"2026-{1 + number % 6:02}-{15 + number % 2}",
            "category_id": [None, (salary if income else food)["id"]][number % 2],
            "tags": [["집"], ["집", "차"], []][number % 3],
            "memo": f"memo {number}",
        }
        entries.append(await home.record(book, **fields))
    for entry in entries[:4]:
        await home.delete(path_of(entry))
    return [(await home.get(f"{path_of(entry)}?state=all")).json for entry in entries]


@pytest.fixture
def live(year):
    return [entry for entry in year if not entry["deleted"]]


# ── filters ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_list_without_filters_is_every_live_entry_latest_day_first(found, live):
    assert await found() == ordered(live, "-occurred_on")


async def test_list_by_state(found, year, live):
    assert await found(state="live") == ordered(live, "-occurred_on")
    assert await found(state="all") == ordered(year, "-occurred_on")
    assert await found(state="deleted") == ordered([entry for entry in year if entry["deleted"]], "-occurred_on")


async def test_list_by_every_combination_of_filters_includes_both_ends(home, book, found, year):
    food = await home.category(book, "식비")
    days = ("2026-02-16", "2026-05-15")
    filters = [
        ({"from": days[0]}, lambda entry: entry["occurred_on"] >= days[0]),
        ({"to": days[1]}, lambda entry: entry["occurred_on"] <= days[1]),
        ({"kind": "expense"}, lambda entry: entry["kind"] == "expense"),
        ({"category_id": food["id"]}, lambda entry: entry["category"] == food),
        ({"tag": "집"}, lambda entry: "집" in entry["tags"]),
        ({"min_amount": "2000"}, lambda entry: int(entry["amount"]) >= 2000),
        ({"max_amount": "3000"}, lambda entry: int(entry["amount"]) <= 3000),
        ({"state": "all"}, lambda _entry: True),
        ({"q": "MO 1"}, lambda entry: "memo 1" in entry["memo"]),
    ]
    sizes = set()
    for chosen in product((False, True), repeat=len(filters)):
        query, wanted = {}, [entry for entry in year if chosen[7] or not entry["deleted"]]
        for asked, (parameter, matches) in zip(chosen, filters, strict=True):
            if asked:
                query |= parameter
                wanted = [entry for entry in wanted if matches(entry)]
        assert await found(**query) == ordered(wanted, "-occurred_on"), query
        sizes.add(len(wanted))
    assert len(sizes) > 8  # the filters do tell entries apart


async def test_list_of_one_day_and_of_one_amount(found, live):
    on_day = [entry for entry in live if entry["occurred_on"] == "2026-03-15"]
    of_amount = [entry for entry in live if entry["amount"] == "3000"]

    assert await found(**{"from": "2026-03-15", "to": "2026-03-15"}) == ordered(on_day, "-occurred_on") != []
    assert await found(min_amount="3000", max_amount="3000.00") == ordered(of_amount, "-occurred_on") != []


async def test_list_by_several_categories_and_by_one_that_is_nowhere(home, book, live):
    food, salary = await home.category(book, "식비"), await home.category(book, "급여", "income")
    ids = f"category_id={food['id']}&category_id={salary['id']}"
    both = (await home.get(f"{entries_of(book)}?limit=200&{ids}")).items

    assert both == ordered([entry for entry in live if entry["category"]], "-occurred_on")
    assert (await home.get(f"{entries_of(book)}?category_id={NOWHERE}")).items == []


@pytest.mark.parametrize("sort", SORTS)
async def test_category_that_is_asked_for_twice_is_listed_once(home, book, live, sort):
    food = await home.category(book, "식비")
    twice = f"category_id={food['id']}&category_id={food['id']}"

    listed = (await home.get(f"{entries_of(book)}?sort={sort}&{twice}")).items
    assert listed == ordered([entry for entry in live if entry["category"] == food], sort)


async def test_list_by_amount_in_a_currency_with_decimals(home):
    book = await home.open_book(currency="USD")
    entries = {amount: await home.record(book, amount=amount) for amount in ("0.99", "1", "12.34", "12.35")}

    async def amounts(query):
        return [entry["amount"] for entry in (await home.get(f"{entries_of(book)}?sort=amount&{query}")).items]

    assert await amounts("min_amount=1&max_amount=12.34") == ["1.00", "12.34"]
    assert await amounts("min_amount=12.35") == ["12.35"]
    assert await amounts("max_amount=0") == []
    assert entries["1"]["amount"] == "1.00"


async def test_list_by_days_at_the_ends_of_the_calendar(home, book, found):
    first, last = [await home.record(book, occurred_on=day) for day in ("0001-01-01", "9999-12-31")]

    assert await found(to="0001-01-01") == [first]
    assert await found(**{"from": "9999-12-31"}) == [last]
    assert await found(**{"from": "0001-01-01", "to": "9999-12-31"}) == [last, first]


async def test_list_refuses_what_is_malformed_and_names_it(home, book):
    for query, field in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("limit=1.0", "limit"),
        ("limit=1_0", "limit"),
        ("limit=%2B5", "limit"),
        ("limit=%205", "limit"),
        ("limit=%D9%A3", "limit"),
        ("limit=", "limit"),
        (f"limit={'9' * 5000}", "limit"),
        ("from=2026-02-30", "from"),
        ("from=2026-02-17T00:00:00", "from"),
        ("from=0000-12-31", "from"),
        ("to=2026-2-17", "to"),
        ("to=today", "to"),
        ("from=2026-02-02&to=2026-02-01", "from"),
        ("kind=transfers", "kind"),
        ("kind=transfer_in", "kind"),
        ("kind=", "kind"),
        ("category_id=1", "category_id.0"),
        (f"category_id={NOWHERE}&category_id=x", "category_id.1"),
        ("tag=", "tag"),
        (f"tag={'x' * 51}", "tag"),
        (f"q={'x' * 201}", "q"),
        ("q=%00", "q"),
        ("q=a%1Fb", "q"),
        ("tag=%1F", "tag"),
        ("min_amount=x", "min_amount"),
        ("min_amount=1e3", "min_amount"),
        ("min_amount=NaN", "min_amount"),
        ("max_amount=1_000", "max_amount"),
        ("max_amount=.5", "max_amount"),
        (f"max_amount={'9' * 16}", "max_amount"),
        ("state=gone", "state"),
        ("state=active", "state"),
        ("sort=memo", "sort"),
        ("sort=-", "sort"),
    ]:
        assert list((await home.get(f"{entries_of(book)}?{query}")).errors) == [field], query


# ── search ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_search_finds_a_part_of_memo_tags_and_category_name_in_any_script(home, book, found):
    food = await home.category(book, "식비")
    texts = [
        {"memo": "명절 설날 장보기"},
        {"memo": "東京でラーメン"},
        {"memo": "Café CRÈME at 100% _off_"},
        {"memo": "", "tags": ["여행", "Straße"]},
        {"memo": "", "category_id": food["id"]},
        {"memo": r"back\slash 'quote'"},
        {"memo": "🍜 noodles"},
        {"memo": "우리 모두 ㅋㅋ", "tags": ["ㅎㅎ"]},
    ]
    entries = [await home.record(book, **fields) for fields in texts]
    for part, indexes in [
        ("설날", [0]),
        ("날 장", [0]),
        ("ラーメン", [1]),
        ("東", [1]),
        ("café", [2]),
        ("crème AT", [2]),
        ("%", [2]),
        ("_", [2]),
        ("여", [3]),
        ("STRASSE", [3]),
        ("straße", [3]),
        ("식비", [4]),
        ("비", [4]),
        ("ㅁㅈ ㅅㄴ", [0]),
        ("ㅇㅎ", [3]),
        ("ㄹ ㅁ", [7]),
        ("ㄹㅁ", []),
        ("\\", [5]),
        ("'", [5]),
        ("🍜", [6]),
        ("ㅋㅋ", [7]),
        ("ㅇㄹ ㅁㄷ ㅋ", [7]),
        ("ㅎㅎ", [7]),
        ("없는", []),
        ("행straße", []),  # not across two tags
        ("설날", [0]),  # decomposed
        ("", list(range(8))),
    ]:
        assert await found(q=part) == ordered([entries[index] for index in indexes], "-occurred_on"), part


async def test_search_follows_a_category_that_is_renamed(home, book, found):
    food = await home.category(book, "식비")
    await home.record(book, category_id=food["id"])
    await home.patch(f"/books/{book['id']}/categories/{food['id']}", {"name": "Groceries"})

    assert await found(q="식비") == []
    assert len(await found(q="GROCER")) == 1


async def test_tag_is_found_as_a_whole_without_case(home, book, found):
    entry = await home.record(book, memo="집", tags=["우리 집", "ABC"])

    assert await found(tag="집") == await found(tag="우리") == []
    assert await found(tag="우리 집") == await found(tag=" abc ") == [entry]


async def test_tag_of_initial_consonants_is_not_found_in_those_of_another(home, book, found):
    entry = await home.record(book, memo="식비", tags=["ㅅㅂ"])
    await home.record(book, memo="ㅅㅂ", tags=["식비"])

    assert await found(tag="ㅅㅂ") == [entry]


async def test_list_of_transfers_in_a_book_without_any_is_empty(found, live):
    assert await found(kind="transfer") == []


async def test_search_with_bytes_that_are_no_text_breaks_nothing(home, book):
    for query in ("q=%FF", "q=%ED%A0%80", "tag=%C3%28", "q=%", "q=%zz", "cursor=%FF", "%FF=1", "&&=&"):
        assert (await home.get(f"{entries_of(book)}?{query}")).status in {200, 422}, query


# ── order and pages ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("sort", SORTS)
async def test_list_sorts_equal_keys_by_id_and_its_pages_have_neither_doubles_nor_gaps(home, book, live, sort):
    for limit in (1, 3, 10, len(live)):
        pages = await walk(home, f"{entries_of(book)}?sort={sort}&limit={limit}")
        assert list(chain(*pages)) == ordered(live, sort)
        assert {len(page) for page in pages[:-1]} <= {limit}
        assert pages[-1]


@pytest.mark.parametrize(("walk_on", "samples"), [(1, -1), (5, 0)])  # to an index at once, or after walking on
@pytest.mark.parametrize("sort", SORTS)
async def test_list_whose_walk_is_cut_short_is_the_same(home, book, year, found, sort, walk_on, samples, monkeypatch):
    food = await home.category(book, "식비")
    filters = [
        {},
        {"kind": "income"},
        {"category_id": food["id"]},
        {"category_id": food["id"], "min_amount": "2000", "max_amount": "3000"},
        {"tag": "집", "kind": "expense"},
        {"q": "mo 1"},
        {"q": "1"},
        {"q": "비", "max_amount": "3000"},
        {"q": "식비", "tag": "차"},
        {"min_amount": "2000", "max_amount": "3000"},
        {"from": "2026-02-16", "to": "2026-03-15"},
        {"from": "2026-02-16", "to": "2026-05-15", "q": "memo"},
        {"kind": "transfer"},
        {"q": "없는"},
    ]
    asked = [{**one, "sort": sort, "state": state} for one in filters for state in ("live", "deleted", "all")]
    expected = [await found(**query) for query in asked]
    monkeypatch.setattr(finding, "WALK_FACTOR", 1)
    monkeypatch.setattr(finding, "SHORT_WALK_FACTOR", 1)
    monkeypatch.setattr(finding, "WALK_ON_FACTOR", walk_on)
    monkeypatch.setattr(finding, "SAMPLES_MAX", samples)

    for query, entries_found in zip(asked, expected, strict=True):
        path = f"{entries_of(book)}?{urlencode({**query, 'limit': 2})}"
        assert list(chain(*await walk(home, path))) == entries_found, query
    assert {len(one) for one in expected} >= {0, 1, 2, 4, 20, 24}


@pytest.mark.parametrize("sort", ["amount", "-amount"])
async def test_entry_found_by_its_text_and_by_its_category_is_listed_once(home, book, year, found, sort, monkeypatch):
    food = await home.category(book, "식비")
    both = await home.record(book, category_id=food["id"], memo="식비", amount="2500")
    monkeypatch.setattr(finding, "SHORT_WALK_FACTOR", 1)

    path = f"{entries_of(book)}?{urlencode({'q': '식비', 'sort': sort, 'limit': 2})}"
    of_food = [entry for entry in await found() if entry["category"] == food]
    assert both in of_food
    assert list(chain(*await walk(home, path))) == ordered(of_food, sort)


async def test_list_holds_fifty_unless_told(home, book):
    entry = await home.record(book)
    for _ in range(50):
        await home.made(f"{path_of(entry)}/duplicate")

    pages = await walk(home, entries_of(book))
    assert [len(page) for page in pages] == [50, 1]


async def test_link_keeps_every_filter(home, book, live):
    food, salary = await home.category(book, "식비"), await home.category(book, "급여", "income")
    query = f"q={quote('mEmO')}&category_id={food['id']}&category_id={salary['id']}&sort=-amount&state=all"
    everything = (await home.get(f"{entries_of(book)}?{query}&limit=200")).items

    assert list(chain(*await walk(home, f"{entries_of(book)}?{query}&limit=2"))) == everything
    assert len(everything) > len([entry for entry in live if entry["category"]])


@pytest.mark.parametrize("sort", SORTS)
async def test_list_walked_while_entries_come_go_and_change_shows_each_that_stays_once(home, book, live, sort):
    *stay, gone = ordered(live, sort)
    path, seen, added = f"{entries_of(book)}?sort={sort}&limit=4", [], 0
    while path is not None:
        answer = await home.get(path)
        seen += [entry["id"] for entry in answer.items]
        if added < 30:  # before, within and after what is still to come
            for day in ("2025-01-01", "2026-03-15", "2027-01-01"):
                added += 1
                await home.record(book, occurred_on=day, amount=str(500 * added))
        await home.delete(path_of(gone))
        path = answer.headers["Link"].split(">")[0][1:] if answer.json["next_cursor"] else None

    assert len(seen) == len(set(seen))
    assert {entry["id"] for entry in stay} <= set(seen)
    assert gone["id"] not in seen


async def test_cursor_that_is_not_of_this_list_is_refused(home, book, live):
    path = entries_of(book)
    cursor = (await home.get(f"{path}?limit=1")).json["next_cursor"]
    by_amount = (await home.get(f"{path}?limit=1&sort=amount")).json["next_cursor"]
    forged = [
        *("", "x", "null", "W10", "e30", "MQ", "%00", "é", "[]"),
        *(cursor[:-1], f"{cursor}!", f"!{cursor}", f"{cursor}=", cursor.swapcase(), by_amount),
        (await home.get(f"/books/{book['id']}/categories?limit=1")).json["next_cursor"],
    ]
    for bad in forged:
        answer = await home.get(f"{path}?limit=1&cursor={quote(bad, safe='')}")
        assert list(answer.errors) == ["cursor"], bad
    assert (await home.get(f"{path}?limit=1&cursor={cursor}")).status == 200


@pytest.mark.parametrize(("sort", "within", "beyond"), KEYS)
async def test_cursor_made_by_hand_is_taken_where_its_key_can_be_recorded(home, book, sort, within, beyond):
    path, an_id = f"{entries_of(book)}?sort={sort}&cursor=", UUID(int=1)
    assert 200 == (await home.get(path + encode_cursor(sort, (within, an_id)))).status
    answer = await home.get(path + encode_cursor(sort, (beyond, an_id)))
    assert (422, ["cursor"]) == (answer.status, list(answer.errors))


async def test_list_of_an_empty_book_is_empty(home, book):
    answer = await home.get(entries_of(book))

    assert answer.json == {"items": [], "next_cursor": None}
    assert "Link" not in answer.headers
