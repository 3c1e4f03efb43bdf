"""The past: entries, lists, sums and changes at any position of a journal are those of a fold that stopped there."""

import random
from datetime import date, timedelta
from decimal import Decimal
from math import floor
from uuid import UUID

import orjson
import pytest
from uuid_utils.compat import uuid7

from eventstore.codec import Metadata
from eventstore.store import Change
from ledger.answers import to_json
from ledger.book import Category
from ledger.errors import EntryNotFound
from projections import engine as engines
from projections import entries
from projections.entries import get_entry, list_entries
from projections.finding import ORDERS, Filters
from projections.paging import Page, decode_cursor
from projections.past import BookAt, get_entry_at, list_changes, list_entries_at, sum_entries_at
from tests.contract.books import everything, guard_on, opened
from tests.told import BOOK, DAY, FOOD, SALARY, a_posting, an_entry

CATEGORIES = {category.category_id: category for category in (FOOD, SALARY)}
MEMOS = ("점심 김치찌개", "lunch", "")
ALL_TIME = (date.min, date.max)
# Whatever can be in the columns of an entry, here and there.
PECULIAR = r"""
UPDATE readmodels.entries SET
    memo = CASE since % 3 WHEN 0 THEN E'"quoted" \\ back/slash\ttab\nline 🍜 é \x7f <&>' WHEN 1 THEN memo END,
    tags = CASE since % 4 WHEN 0 THEN ARRAY['a "b"', E'c\\,d', '한글'] WHEN 1 THEN NULL ELSE tags END,
    kind = CASE since % 5 WHEN 0 THEN 'transfer_in' WHEN 1 THEN 'transfer_out' ELSE kind END,
    transfer_id = CASE WHEN since % 5 < 2 THEN gen_random_uuid() END, other_book_id = gen_random_uuid(),
    other_entry_id = gen_random_uuid(),
    copied_from = CASE WHEN since % 2 = 0 THEN gen_random_uuid() END,
    batch_id = CASE WHEN since % 7 = 0 THEN gen_random_uuid() END,
    created_by = CASE WHEN since % 6 > 0 THEN created_by END,
    amount_minor = (ARRAY[1, 10, 99, 1000, 123456, 999999999999999999])[1 + since % 6],
    created_at = timestamptz '2026-11-23 01:02:00Z' + since % 2 * interval '1.000100 seconds',
    updated_at = timestamptz '2026-11-23 01:02:00Z' + since % 3 * interval '0.123456 seconds'
"""


@pytest.fixture
def chance():
    return random.Random(7)


@pytest.fixture
async def lived_in(store, metadata, chance):
    """A book in which two people record, change, delete and restore entries at random."""
    book = await opened(store, metadata)
    actors, live = [metadata, Metadata(uuid7(), "another")], []
    for _ in range(60):
        actor = chance.choice(actors)
        entry = chance.choice(live) if live and chance.random() < 0.6 else an_entry(uuid7(), posting(chance))
        if entry in live:
            change(entry, chance)
        else:
            live.append(entry)
        if entry.unrecorded_events():
            await store.append(actor, [Change(book.id, entry)], [guard_on(book)])
    return book


def posting(chance):
    return a_posting(
        chance.randint(1, 5) * 1000,
        kind=chance.choice(["income", "expense"]),
        occurred_on=chance.choice([DAY, DAY - timedelta(days=40), date.min, date.max]),
        category_id=chance.choice([None, *CATEGORIES]),
    )


def change(entry, chance):
    if entry.deleted:
        entry.restore()
    elif chance.random() < 0.4:
        entry.delete()
    else:
        entry.amend(posting(chance), chance.choice(MEMOS), chance.choice([[], ["집"], ["집", "ABC"]]))


@pytest.fixture
async def states(store, lived_in):
    """What a fold makes of the journal up to each position: all entries, deleted ones included."""
    events = await everything(store, lived_in.id)
    states = []
    for position in range(1, len(events) + 1):
        rows = {}
        entries.fold(rows, events[:position])
        states.append((at(lived_in, position), list(rows.values())))
    return states


def at(book, position):
    return BookAt(book.id, position, "KRW", CATEGORIES)


def seen(views):
    """What was shown, in its order: ids and versions."""
    return [(UUID(str(view["id"])), view["version"]) for view in views]


def ordered(rows, sort):
    column = ORDERS[sort].column
    by_id = sorted(rows, key=lambda row: row.entry_id)
    return [
        (row.entry_id, row.version)
        for row in sorted(by_id, key=lambda row: getattr(row, column), reverse=sort.startswith("-"))
    ]


async def test_every_version_is_kept_from_its_event_until_the_next(store, engine, lived_in, owner, monkeypatch):
    monkeypatch.setattr(engines, "EVENTS_MAX", 7)
    await engine.catch_up([lived_in.id])
    events = [event for event in await everything(store, lived_in.id) if event.stream_id != lived_in.id]
    rows = await owner.fetch("SELECT * FROM readmodels.entries ORDER BY since")
    assert [(event.stream_id, event.version, event.position, event.actor) for event in events] == [
        (row["entry_id"], row["version"], row["since"], row["changed_by"]) for row in rows
    ]
    following = {(event.stream_id, event.version - 1): event.position for event in events}
    for row in rows:
        assert row["until"] == following.get((row["entry_id"], row["version"]))
        assert (row["terms"] is None) == (row["until"] is not None)


async def test_lists_of_the_past_are_those_of_a_fold_that_stopped_there(engine, states, chance):
    for book, rows in chance.sample(states, 15):
        for sort in ORDERS:
            for deleted in (False, True, None):
                wanted = [row for row in rows if deleted is None or row.deleted == deleted]
                listed = await list_entries_at(engine, book, Filters(deleted=deleted), Page(200, sort, None))
                assert ordered(wanted, sort) == seen(listed["items"])
                assert listed["next_cursor"] is None


async def test_lists_of_the_past_go_on_page_by_page(engine, states):
    book, rows = states[-1]
    for sort, order in ORDERS.items():
        pages, after = [], None
        while after is not None or not pages:
            page = Page(3, sort, after)
            listed = await list_entries_at(engine, book, Filters(deleted=None), page)
            pages += listed["items"]
            cursor = listed["next_cursor"]
            after = cursor and decode_cursor(cursor, sort, order.key_types)
        assert ordered(rows, sort) == seen(pages)


@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        ({"day_min": DAY, "day_max": DAY}, lambda row: row.occurred_on == DAY),
        ({"kind": "income"}, lambda row: row.kind == "income"),
        ({"kind": "transfer"}, lambda row: False),
        ({"categories": [FOOD.category_id]}, lambda row: row.category_id == FOOD.category_id),
        ({"tag": "abc"}, lambda row: "ABC" in row.tags),
        ({"part": "LUN"}, lambda row: "lunch" in row.memo),
        ({"part": "ㅈㅅ ㄱ"}, lambda row: "점심" in row.memo),
        ({"part": "oo"}, lambda row: row.category_id == FOOD.category_id or "noodles" in row.tags),
        ({"amount_min": Decimal("2000.1")}, lambda row: row.amount_minor > 2000),
        ({"amount_max": Decimal("2999.9")}, lambda row: row.amount_minor < 3000),
        ({"amount_min": Decimal(2000), "amount_max": Decimal(3000)}, lambda row: 2000 <= row.amount_minor <= 3000),
        ({"amount_min": Decimal(999_999_999_999_999)}, lambda row: False),
        ({"amount_max": Decimal(-1)}, lambda row: False),
    ],
)
async def test_lists_of_the_past_are_filtered_as_those_of_the_present(engine, states, filters, matches):
    book, rows = states[-1]
    page = Page(200, "-occurred_on", None)
    listed = await list_entries_at(engine, book, Filters(deleted=None, **filters), page)
    assert ordered([row for row in rows if matches(row)], "-occurred_on") == seen(listed["items"])


@pytest.mark.parametrize(("amount", "decimals", "expected"), [("12.5", 3, 12_500), ("999999999999999", 4, 2**63 - 1)])
def test_bounds_of_amounts_are_of_the_books_currency_and_fit_the_column(amount, decimals, expected):
    currency = {3: "KWD", 4: "CLF"}[decimals]
    assert expected == BookAt(BOOK, 1, currency, {}).minor(Decimal(amount), 0, floor)


async def test_list_at_the_present_is_the_list_of_the_present(engine, metadata, states):
    book, _ = states[-1]
    page = Page(200, "-occurred_on", None)
    now = await list_entries(engine, metadata.actor, book.book_id, Filters(deleted=None), page)
    assert now == await list_entries_at(engine, book, Filters(deleted=None), page)
    for view in now["items"]:
        entry_id = UUID(view["id"])
        assert view == await get_entry(engine, metadata.actor, book.book_id, entry_id, deleted=None)
        assert view == await get_entry_at(engine, book, entry_id, deleted=None)


async def test_entry_of_the_past_is_that_of_a_fold_that_stopped_there(engine, states):
    every = [row.entry_id for row in states[-1][1]]
    for book, rows in states[::5]:
        for entry_id in every:
            found = [row for row in rows if row.entry_id == entry_id]
            for deleted in (False, True, None):
                if found and deleted in {None, found[0].deleted}:
                    view = await get_entry_at(engine, book, entry_id, deleted=deleted)
                    assert [(entry_id, found[0].version)] == seen([view])
                    assert (found[0].deleted, found[0].memo) == (view["deleted"], view["memo"])
                else:
                    with pytest.raises(EntryNotFound):
                        await get_entry_at(engine, book, entry_id, deleted=deleted)


KEYS = {
    None: lambda row: None,
    "day": lambda row: row.occurred_on.isoformat(),
    "month": lambda row: row.occurred_on.isoformat()[:7],
    "category": lambda row: row.category_id and str(row.category_id),
    "member": lambda row: str(row.created_by),
}


@pytest.mark.parametrize("group_by", KEYS)
@pytest.mark.parametrize(
    "days", [ALL_TIME, (DAY - timedelta(days=50), DAY), (date.min, date.min), (date.max, date.max)]
)
async def test_sums_of_the_past_are_those_of_the_entries_then(engine, states, group_by, days):
    for book, rows in states[::9]:
        live = [row for row in rows if not row.deleted]
        sums = {}
        for row in live:
            if days[0] <= row.occurred_on <= days[1]:
                of_key = sums.setdefault(KEYS[group_by](row), [0, 0, 0])
                of_key[0 if row.kind == "income" else 1] += row.amount_minor
                of_key[2] += 1
        until = sum(
            row.amount_minor if row.kind == "income" else -row.amount_minor
            for row in live
            if row.occurred_on <= days[1]
        )
        found = await sum_entries_at(engine, book, *days, group_by)
        assert sums == {
            row["key"]: [row["income_minor"], row["expense_minor"], row["entry_count"]]
            for row in found
            if row["entry_count"]
        }
        assert {until} == {row["dated_until_minor"] for row in found}


async def test_sums_count_transfers_apart(engine, states, owner):
    book, rows = states[-1]
    await engine.catch_up([book.book_id])
    of_kind = dict.fromkeys(("income", "expense", "transfer_in", "transfer_out"), 0)
    live = [row for row in rows if not row.deleted]
    some = 5 * list(of_kind)
    kinds = [*zip(live, some, strict=False), *((row, row.kind) for row in live[len(some) :])]
    for row, kind in kinds:
        of_kind[kind] += row.amount_minor
        await owner.execute("UPDATE readmodels.entries SET kind = $1 WHERE entry_id = $2", kind, row.entry_id)
    (found,) = await sum_entries_at(engine, book, *ALL_TIME, None)
    transferred = of_kind["transfer_in"] - of_kind["transfer_out"]
    counted = len([kind for _, kind in kinds if not kind.startswith("transfer")])
    assert (of_kind["income"], of_kind["expense"], transferred, counted) == (
        found["income_minor"],
        found["expense_minor"],
        found["transferred_minor"],
        found["entry_count"],
    )
    assert of_kind["income"] - of_kind["expense"] + transferred == found["dated_until_minor"]


async def test_changes_between_two_positions_show_each_entry_as_it_was_and_as_it_became(engine, states, chance):
    for _ in range(20):
        (before, rows), (later, later_rows) = sorted(chance.sample(states, 2), key=lambda state: state[0].position)
        was = {row.entry_id: row for row in rows}
        changed = [(was.get(row.entry_id), row) for row in later_rows if row != was.get(row.entry_id)]
        pairs = [pair for pair in (tuple(map(live_version, pair)) for pair in changed) if pair != (None, None)]
        changes = await list_changes(engine, before, later, 100)
        assert (len(changed), sorted(pairs, key=repr)) == (changes.entry_count, sorted(told(changes), key=repr))
        some = await list_changes(engine, before, later, 3)
        assert (min(len(changed), 3), True) == (some.entry_count, set(told(some)) <= set(pairs))
        differences = (changes.income_minor - changes.expense_minor, changes.transferred_minor)
        assert (flow(later_rows) - flow(rows), 0) == differences


def live_version(row):
    return (row.entry_id, row.version) if row and not row.deleted else None


def flow(rows):
    return sum(row.amount_minor if row.kind == "income" else -row.amount_minor for row in rows if not row.deleted)


def told(changes):
    """Each change as the entry and its version before and after."""
    added, changed, removed = (orjson.loads(orjson.dumps(part)) for part in changes[1:4])
    pairs = [(None, view) for view in added] + [(view, None) for view in removed]
    pairs += [(both["before"], both["after"]) for both in changed]
    return [tuple(view and (UUID(view["id"]), view["version"]) for view in pair) for pair in pairs]


@pytest.mark.parametrize("currency", ["KRW", "USD", "BHD"])
async def test_changes_show_entries_to_the_letter_as_any_other_read_does(engine, states, owner, currency):
    (before, _), (now, _) = states[1], states[-1]
    gone = Category(FOOD.category_id, "expense", 'C:\\"식비"', deleted=True)
    later = BookAt(now.book_id, now.position, currency, {**CATEGORIES, gone.category_id: gone})
    await engine.catch_up([later.book_id])
    await owner.execute(PECULIAR)
    shown = orjson.dumps((await list_changes(engine, before, later, 100)).added)
    ids = [UUID(view["id"]) for view in orjson.loads(shown)]
    assert to_json([await get_entry_at(engine, later, id_, deleted=False) for id_ in ids]) == shown
    for part in (
        '"direction":"in"',
        '"0001-01-01"',
        '"9999-12-31"',
        ':00Z"',
        r"\\",
        '"memo":null',
        '"tags":null',
        "🍜",
    ):
        assert part.encode() in shown, part


async def test_changes_where_there_were_none_are_none(engine, states):
    book, _ = states[-1]
    changes = await list_changes(engine, book, book, 10)
    assert (0, [], 0, 0, 0) == (changes.entry_count, told(changes), *changes[4:])


async def test_past_is_read_without_waiting_for_a_projector(store, engine, metadata):
    book = await opened(store, metadata)
    entry = an_entry(uuid7())
    await store.append(metadata, [Change(book.id, entry)])
    assert [(entry.id, 1)] == seen([await get_entry_at(engine, at(book, 2), entry.id, deleted=False)])
    with pytest.raises(EntryNotFound):
        await get_entry_at(engine, at(book, 1), entry.id, deleted=False)
