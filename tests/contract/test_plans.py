"""Plans: what a list or a total costs does not grow with the book, whatever the planner believes."""

from datetime import date
from importlib.resources import files
from itertools import product

import orjson
import pytest

import projections
from projections.totals import cut
from tests.given import an_id
from tests.told import OWNER

ENTRIES = 20_000
BOOK, NEIGHBOUR = an_id(10), an_id(11)
LIMIT = 51
DAYS_MAX = 3 * 31 * 10  # of the months that a range begins and ends in
TOUCHED_MAX = 10 * LIMIT
"""A page reads its rows, and those with the same key as its first and last; not the book."""

# Two books of a household of ten years, written straight into the read models.
FILL = f"""
INSERT INTO eventstore.journals SELECT id, 'book', 1, now() FROM unnest(ARRAY['{BOOK}', '{NEIGHBOUR}']::uuid[]) AS id;
INSERT INTO readmodels.checkpoints
SELECT journal_id, name, 1 FROM eventstore.journals, readmodels.read_models WHERE read_models.kind = 'book';
INSERT INTO readmodels.books
SELECT journal_id, 'Home', '', 'KRW', 0, 0, 0, 0, 0, false, now(), now(), 1 FROM eventstore.journals;
INSERT INTO readmodels.members SELECT journal_id, '{OWNER}', 'owner', now() FROM eventstore.journals;
INSERT INTO readmodels.categories
SELECT journal_id, lpad(n::text, 32, '0')::uuid, 'expense', 'name ' || n, 'name ' || n, false
FROM eventstore.journals, generate_series(0, 9) AS n;
INSERT INTO readmodels.entries
SELECT journal_id, gen_random_uuid(), 'expense', 1000 + n * 7919 % 5000, date '2016-01-01' + n / 6,
       lpad((n % 10)::text, 32, '0')::uuid, 'memo', '{{}}', 'memo', null, n % 50 = 0, '{OWNER}',
       timestamptz '2016-01-01' + n * interval '4 hours', now(), 1
FROM eventstore.journals, generate_series(1, {ENTRIES}) AS n;
INSERT INTO readmodels.totals
SELECT journal_id, 'day', occurred_on, category_id, 0, sum(amount_minor), count(*)
FROM readmodels.entries GROUP BY 1, 3, 4;
INSERT INTO readmodels.totals
SELECT journal_id, 'month', date_trunc('month', starts_on), category_id, 0, sum(expense_minor), sum(entry_count)
FROM readmodels.totals GROUP BY 1, 3, 4;
"""

PLANNERS = ("force_generic_plan", "force_custom_plan")
"""The first is how the service plans; the second, for the values at hand, must not be worse."""
NO_FILTERS = "false, '-infinity', 'infinity', NULL, NULL, NULL, NULL, NULL, NULL"
AFTER = {
    "by_day_newest": "'2021-05-05'",
    "by_day_oldest": "'2021-05-05'",
    "by_amount_smallest": "3000",
    "by_amount_largest": "3000",
    "by_record_newest": "'2021-05-05'",
}


@pytest.fixture(params=["analysed", "never analysed"])
async def filled(owner, request):
    await owner.execute(FILL)
    if request.param == "analysed":
        await owner.execute("ANALYZE")


def sql_of(name):
    return (files(projections) / "sql" / f"{name}.sql").read_text("utf-8")


async def plan_of(service, planner, name, arguments):
    """Run a statement. Returns: the nodes of its plan, with the rows that each touched."""
    await service.execute(f"SET plan_cache_mode = {planner}")
    await service.execute(f"PREPARE planned AS {sql_of(name)}")
    explain = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE planned ({arguments})"
    (plan,) = orjson.loads(await service.fetchval(explain))
    await service.execute("DEALLOCATE planned")
    return list(nodes(plan["Plan"]))


def nodes(plan):
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def touched(plan, table):
    """How many rows of a table were read, those that a filter removed included."""
    rows = 0
    for node in plan:
        if node.get("Relation Name") == table:
            removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
            rows += node["Actual Loops"] * (node["Actual Rows"] + removed)
    return rows


def scans(plan, table):
    return {node["Node Type"] for node in plan if node.get("Relation Name") == table}


def in_sql(bounds):
    """The pieces of a range as three array literals."""
    pieces = cut(*bounds) if bounds else []
    columns = zip(*pieces, strict=True) if pieces else ((),) * 3
    return ", ".join(f"'{{{','.join(map(str, column))}}}'" for column in columns)


@pytest.mark.usefixtures("filled")
async def test_lists_read_one_page_at_any_depth(service):
    pages = [(order, after) for order, key in AFTER.items() for after in ("NULL, NULL", f"{key}, '{an_id(5)}'")]
    for planner, (order, after) in product(PLANNERS, pages):
        arguments = f"'{OWNER}', '{BOOK}', {LIMIT}, {after}, {NO_FILTERS}"
        plan = await plan_of(service, planner, f"list_entries_{order}", arguments)
        assert scans(plan, "entries") <= {"Index Scan", "Index Only Scan"}, (planner, order, after)
        assert LIMIT <= touched(plan, "entries") <= TOUCHED_MAX, (planner, order, after)
        assert [] == [node for node in plan if node["Node Type"] == "Sort" and node["Actual Rows"] > LIMIT]


@pytest.mark.usefixtures("filled")
async def test_totals_read_whole_months_and_few_days(service):
    months = await service.fetchval("SELECT count(*) FROM totals WHERE journal_id = $1 AND grain = 'month'", BOOK)
    pieces, later = in_sql((date(2016, 2, 11), date(2024, 2, 20))), in_sql((date(2024, 2, 21), date.max))
    for planner, group_by in product(PLANNERS, ("'month'", "'category'", "NULL")):
        plan = await plan_of(service, planner, "get_totals", f"'{OWNER}', '{BOOK}', {pieces}, {later}, {group_by}")
        assert scans(plan, "totals") <= {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}
        assert months / 2 < touched(plan, "totals") < months + DAYS_MAX
        all_time = f"'{OWNER}', '{BOOK}', {in_sql((date.min, date.max))}, {in_sql(None)}, {group_by}"
        assert months == touched(await plan_of(service, planner, "get_totals", all_time), "totals")


@pytest.mark.usefixtures("filled")
async def test_entry_is_found_by_its_key(service):
    entry_id = await service.fetchval("SELECT entry_id FROM entries WHERE journal_id = $1 LIMIT 1", BOOK)
    for planner in PLANNERS:
        plan = await plan_of(service, planner, "get_entry", f"'{OWNER}', '{BOOK}', '{entry_id}', NULL")
        assert (1, 1) == (touched(plan, "entries"), touched(plan, "categories"))


def test_filled_books_reach_the_range_that_is_asked_for():
    assert date(2016, 1, 1).toordinal() + ENTRIES // 6 > date(2024, 2, 29).toordinal()
