"""Plans: what a list or a total costs does not grow with the book, whatever the planner believes."""

from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.resources import files
from itertools import product

import orjson
import pytest
from uuid_utils.compat import uuid7

import projections
from projections.finding import IN_FEW_DAYS_MAX, ORDERS, SAMPLES_MAX, Filters, ways
from projections.paging import Page
from projections.postings import NONE
from projections.search import searchable_entry, terms_of_entry
from projections.totals import GRAINS, cut
from tests.given import an_id
from tests.told import OWNER

ENTRIES = 20_000
DELETED = 50_000
FEW = 5_000
BOOKS = BOOK, NEIGHBOUR, REVERTED, EVEN = [uuid7() for _ in range(4)]
"""A household of ten years and its like; one that took an import back; one whose entries have all the same keys."""
LIMIT = 51
WALK_MAX = 1_000
RARE = 500  # one entry in so many has a memo, a tag and a category of its own
ROWS_MAX = 3 * (31 + 12) * 10  # of the months and years that a range begins and ends in
COUNT_ROWS = "SELECT count(*) FROM totals WHERE journal_id = $1 AND grain = $2"
TOUCHED_MAX = 5 * LIMIT
CATEGORIES = [uuid7() for _ in range(10)]
TEXTS, RARE_TEXTS = ("점심 김치찌개", ["카드"]), ("희귀한 골동품", ["제주여행"])

# Written straight into the read models; what `forms` holds is what entries of a book look like.
FILL = f"""
CREATE TEMP TABLE spans (journal_id, entries, even) AS
VALUES ('{BOOK}'::uuid, {ENTRIES}, false), ('{NEIGHBOUR}', {FEW}, false), ('{REVERTED}', {ENTRIES + DELETED}, false),
       ('{EVEN}', {FEW}, true);
INSERT INTO eventstore.journals SELECT journal_id, 'book', 1, now() FROM spans;
INSERT INTO readmodels.checkpoints
SELECT journal_id, name, 1 FROM eventstore.journals, readmodels.read_models WHERE read_models.kind = 'book';
INSERT INTO readmodels.books
SELECT journal_id, 'Home', '', 'KRW', 0, 0, 0, 0, 0, 0, null, false, now(), now(), 1 FROM eventstore.journals;
INSERT INTO readmodels.members SELECT journal_id, '{OWNER}', 'owner', now() FROM eventstore.journals;
INSERT INTO readmodels.categories (journal_id, category_id, kind, name, folded_name, deleted)
SELECT DISTINCT journal_id, category_id, 'expense', category_id, category_id, false FROM forms;
INSERT INTO readmodels.entries (journal_id, entry_id, version, since, kind, amount_minor, occurred_on, category_id,
                                memo, tags, searched, terms, deleted, created_by, created_at, updated_at)
SELECT s.journal_id, gen_random_uuid(), 1, 1, 'expense', CASE WHEN even THEN 4500 ELSE 1000 + n * 7919 % 5000 END,
       date '2021-05-05' + CASE WHEN even THEN 0 ELSE n % {ENTRIES} / 6 - 1950 END, f.category_id, 'memo', '{{}}',
       f.searched, f.terms, n % 50 = 0 OR n > {ENTRIES}, '{OWNER}',
       timestamptz '2021-05-05' + CASE WHEN even THEN 0 ELSE n % {ENTRIES} - 11700 END * interval '4 hours', now()
FROM spans s CROSS JOIN LATERAL generate_series(1, entries) AS n
JOIN forms f ON f.journal_id = s.journal_id AND f.place = CASE n % {RARE} WHEN 7 THEN 9 ELSE n % 9 END
 AND f.thousands = CASE WHEN even THEN 4 ELSE (1000 + n * 7919 % 5000) / 1000 END AND f.sample = (n % 16 = 0);
INSERT INTO readmodels.totals
SELECT journal_id, 'day', occurred_on, category_id, '{OWNER}', 0, sum(amount_minor), 0, count(*)
FROM readmodels.entries GROUP BY 1, 3, 4;
INSERT INTO readmodels.totals
SELECT journal_id, 'month', date_trunc('month', starts_on), category_id, '{OWNER}', 0, sum(expense_minor), 0,
       sum(entry_count)
FROM readmodels.totals GROUP BY 1, 3, 4;
INSERT INTO readmodels.statements
SELECT journal_id, starts_on, 0, sum(expense_minor), 0, sum(entry_count)
FROM readmodels.totals WHERE grain = 'month' GROUP BY 1, 2;
INSERT INTO readmodels.totals
SELECT journal_id, 'year', date_trunc('year', starts_on), category_id, '{OWNER}', 0, sum(expense_minor), 0,
       sum(entry_count)
FROM readmodels.totals WHERE grain = 'day' GROUP BY 1, 3, 4;
INSERT INTO readmodels.totals
SELECT journal_id, 'whole_month', starts_on, '{NONE}', '{NONE}', 0, sum(expense_minor), 0, sum(entry_count)
FROM readmodels.totals WHERE grain = 'month' GROUP BY 1, 3;
"""

# A thousand versions before the one that is there, each made by one event.
CHANGE_OFTEN = """
INSERT INTO readmodels.entries (journal_id, entry_id, version, since, until, kind, amount_minor, occurred_on, searched,
                                deleted, created_at, updated_at)
SELECT journal_id, entry_id, n - 1000, n, n + 1, kind, amount_minor, occurred_on, searched, deleted, created_at, now()
FROM readmodels.entries, generate_series(1, 1000) AS n WHERE journal_id = $1 AND entry_id = $2
"""

PLANNERS = ("force_generic_plan", "force_custom_plan")
"""The first is how the service plans; the second, for the values at hand, must not be worse."""
AFTER = {
    "-occurred_on": date(2021, 5, 5),
    "occurred_on": date(2021, 5, 5),
    "amount": 4500,
    "-amount": 4500,
    "-recorded_at": datetime(2021, 5, 5, tzinfo=UTC),
}
RARE_FILTERS = {
    "part": Filters(part="골동"),
    "initials": Filters(part="ㄱㄷㅍ"),
    "one character": Filters(part="품"),
    "name of a category": Filters(part=str(CATEGORIES[9])[1:]),
    "tag": Filters(tag="제주여행"),
    "category": Filters(categories=[CATEGORIES[9]]),
    "categories": Filters(categories=[CATEGORIES[9], an_id(999)]),
    "kind": Filters(kind="transfer"),
    "kind and tag": Filters(kind="expense", tag="제주여행"),
    "all there is": Filters(kind="expense", tag="제주여행", part="골동", categories=[CATEGORIES[9]]),
    "amounts": Filters(amount_min=Decimal(3001), amount_max=Decimal(3002)),
    "days": Filters(day_min=date(2018, 3, 3), day_max=date(2018, 3, 7)),
    "days and part": Filters(day_min=date(2018, 3, 3), day_max=date(2018, 3, 7), part="점심"),
}


@pytest.fixture(params=["analysed", "never analysed"])
async def filled(owner, request):
    columns = (
        "journal_id uuid, place int, thousands int, sample boolean, category_id uuid, searched text, terms bigint[]"
    )
    await owner.execute(f"CREATE TEMP TABLE forms ({columns})")
    forms = [form(*one) for one in product(BOOKS, range(10), range(1, 6), (False, True))]
    await owner.copy_records_to_table("forms", records=forms)
    await owner.execute(FILL)
    if request.param == "analysed":
        await owner.execute("ANALYZE")


def form(book_id, place, thousands, sample):
    """What one in ten entries of a book has, and by which it is found; the tenth is rare."""
    searched = searchable_entry(*(RARE_TEXTS if place == 9 else TEXTS))
    terms = terms_of_entry(book_id, an_id(not sample), searched, CATEGORIES[place], "expense", 1_000 * thousands)
    return book_id, place, thousands, sample, CATEGORIES[place], searched, terms


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


def name_of(sql):
    """The name of a statement."""
    return next(file.stem for file in (files(projections) / "sql").iterdir() if file.read_text("utf-8") == sql)


def in_sql(bounds, group_by=None):
    """The pieces of a range as three array literals."""
    pieces = cut(*bounds, GRAINS[group_by]) if bounds else []
    columns = zip(*pieces, strict=True) if pieces else ((),) * 3
    return ", ".join(f"'{{{','.join(map(str, column))}}}'" for column in columns)


def literal(value):
    """A value as SQL has it."""
    match value:
        case None | bool() | int() | Decimal():
            return "NULL" if value is None else str(value)
        case list():
            return f"'{{{','.join(map(str, value))}}}'"
        case date() if value in {date.min, date.max}:  # as the driver writes them
            return "'-infinity'" if value == date.min else "'infinity'"
        case _:
            return f"'{value}'"


def asked(book_id, filters, sort="-occurred_on", after=(None, None)):
    """The arguments of a list."""
    return ", ".join(map(literal, (OWNER, book_id, LIMIT, *after, *filters.arguments, WALK_MAX)))


def sought(book_id, filters, sort, after=None):
    """The first statement that does not walk along the whole order, and its arguments."""
    asked = ways(book_id, filters, Page(LIMIT - 1, sort, after))
    way = next(way for way in asked if way.sql != ORDERS[sort].sql)
    return name_of(way.sql), ", ".join(map(literal, (OWNER, book_id, LIMIT, *way.arguments)))


@pytest.mark.usefixtures("filled")
async def test_lists_read_one_page_at_any_depth_in_any_state_and_of_any_book(service):
    pages = [(sort, after) for sort, key in AFTER.items() for after in ((None, None), (key, an_id(5)))]
    for planner, book_id, deleted, (sort, after) in product(
        PLANNERS, (BOOK, REVERTED, EVEN), (False, True, None), pages
    ):
        case = (planner, book_id, deleted, sort, after)
        arguments = asked(book_id, Filters(deleted=deleted), sort, after)
        plan = await plan_of(service, planner, name_of(ORDERS[sort].sql), arguments)
        assert scans(plan, "entries") == {"Index Scan"}, case
        states = 2 if deleted is None else 1
        assert LIMIT <= touched(plan, "entries") <= states * 2 * LIMIT + 1, case
        assert LIMIT == plan[0]["Actual Rows"], case
        assert [] == [node for node in plan if node["Node Type"].endswith("Sort") and node["Actual Rows"] > LIMIT], case


@pytest.mark.usefixtures("filled")
async def test_latest_entries_of_a_book_are_read_alone_and_their_categories_once(service):
    for planner, book_id in product(PLANNERS, (BOOK, REVERTED, EVEN)):
        plan = await plan_of(service, planner, *sought(book_id, Filters(), "-occurred_on"))
        assert (LIMIT, LIMIT) == (touched(plan, "entries"), plan[0]["Actual Rows"]), (planner, book_id)
        assert {"Index Scan"} == scans(plan, "entries"), (planner, book_id)
        assert [1] == [node["Actual Loops"] for node in plan if node.get("Relation Name") == "checkpoints"]


@pytest.mark.usefixtures("filled")
async def test_list_whose_filters_match_little_walks_only_so_far(service):
    for planner, sort in product(PLANNERS, AFTER):
        arguments = asked(BOOK, Filters(part="no such memo"), sort)
        plan = await plan_of(service, planner, name_of(ORDERS[sort].sql), arguments)
        assert touched(plan, "entries") in {WALK_MAX, WALK_MAX + 1}, (planner, sort)  # PostgreSQL 15 reads one ahead
        assert 1 == plan[0]["Actual Rows"], (planner, sort)


@pytest.mark.usefixtures("filled")
async def test_page_of_a_rare_filter_is_found_among_few_rows_in_any_order(service):
    for planner, (name, filters), sort in product(PLANNERS, RARE_FILTERS.items(), AFTER):
        case = (planner, name, sort)
        if name.startswith("days") and sort.endswith("occurred_on"):
            continue  # the order's own range: its walk reads no more than that
        plan = await plan_of(service, planner, *sought(BOOK, filters, sort))
        assert touched(plan, "entries") <= TOUCHED_MAX, case
        assert (plan[0]["Actual Rows"] > 1) == (name != "kind"), case


@pytest.mark.usefixtures("filled")
async def test_page_of_a_frequent_category_by_amount_is_read_in_that_order(service):
    frequent = await service.fetchval(
        "SELECT category_id FROM entries WHERE journal_id = $1 GROUP BY 1 ORDER BY count(*) DESC LIMIT 1", BOOK
    )
    for planner, sort, after in product(PLANNERS, ("amount", "-amount"), ((None, None), (3000, an_id(5)))):
        plan = await plan_of(service, planner, *sought(BOOK, Filters(categories=[frequent]), sort, after))
        assert LIMIT == plan[0]["Actual Rows"], (planner, sort, after)
        assert touched(plan, "entries") <= TOUCHED_MAX, (planner, sort, after)


@pytest.mark.usefixtures("filled")
async def test_page_of_a_frequent_word_by_amount_reads_the_magnitudes_that_fill_it(service):
    counted = "SELECT count(*) FROM entries WHERE journal_id = $1 AND amount_minor BETWEEN 1000 AND 1999"
    of_one = await service.fetchval(counted, BOOK)  # and as many from 5000 on, three times as many between
    pages = (("amount", None), ("amount", 1_500), ("-amount", None), ("-amount", 5_500))
    for planner, (sort, amount) in product(PLANNERS, pages):
        after = amount and (amount, an_id(5))
        plan = await plan_of(service, planner, *sought(BOOK, Filters(part="점심"), sort, after))
        assert LIMIT == plan[0]["Actual Rows"], (planner, sort, after)
        assert touched(plan, "entries") <= of_one + SAMPLES_MAX + TOUCHED_MAX, (planner, sort, after)


@pytest.mark.usefixtures("filled")
async def test_page_of_a_frequent_category_found_by_its_name_is_read_in_the_order_of_amounts(service):
    named = Filters(part=str(CATEGORIES[0])[-12:])
    for planner, sort, after in product(PLANNERS, ("amount", "-amount"), ((None, None), (3000, an_id(5)))):
        plan = await plan_of(service, planner, *sought(BOOK, named, sort, after))
        assert LIMIT == plan[0]["Actual Rows"], (planner, sort, after)
        assert touched(plan, "entries") <= TOUCHED_MAX, (planner, sort, after)


@pytest.mark.usefixtures("filled")
async def test_few_days_with_many_entries_are_counted_only_so_far_and_not_read(service):
    crowded = Filters(day_min=date(2021, 5, 5), day_max=date(2021, 5, 6))
    for planner, sort in product(PLANNERS, ("amount", "-recorded_at")):
        plan = await plan_of(service, planner, *sought(EVEN, crowded, sort))
        assert (1, IN_FEW_DAYS_MAX + 1) == (plan[0]["Actual Rows"], touched(plan, "entries")), (planner, sort)


@pytest.mark.usefixtures("filled")
async def test_totals_read_whole_years_or_months_and_few_days(service):
    later = in_sql((date(2024, 2, 21), date.max))
    for planner, group_by in product(PLANNERS, ("month", "category", "member", None)):
        rows = await service.fetchval(COUNT_ROWS, BOOK, GRAINS[group_by][-1])
        pieces = in_sql((date(2016, 2, 11), date(2024, 2, 20)), group_by)
        arguments = f"'{OWNER}', '{BOOK}', {pieces}, {later}, {literal(group_by)}"
        plan = await plan_of(service, planner, "get_totals", arguments)
        assert scans(plan, "totals") <= {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}
        assert rows / 2 < touched(plan, "totals") < rows + ROWS_MAX
        all_time = f"'{OWNER}', '{BOOK}', {in_sql((date.min, date.max), group_by)}, {in_sql(None)}, {literal(group_by)}"
        assert rows == touched(await plan_of(service, planner, "get_totals", all_time), "totals")


@pytest.mark.usefixtures("filled")
async def test_statements_read_a_row_for_each_later_month_and_the_totals_of_one(service):
    later = await service.fetchval(
        "SELECT count(*) FROM statements WHERE journal_id = $1 AND month > '2024-02-01'", BOOK
    )
    of_month = "SELECT count(*) FROM totals WHERE journal_id = $1 AND grain = 'month' AND starts_on = '2024-02-01'"
    sums = await service.fetchval(of_month, BOOK)
    for planner in PLANNERS:
        plan = await plan_of(service, planner, "get_statement", f"'{OWNER}', '{BOOK}', '2024-02-01'")
        assert (later, sums) == (touched(plan, "statements"), touched(plan, "totals")), planner
        page = await plan_of(service, planner, "list_statements", f"'{OWNER}', '{BOOK}', '2024-03-01', 12")
        assert later <= touched(page, "statements") <= later + 13, planner
        assert 12 == page[0]["Actual Rows"], planner


@pytest.mark.usefixtures("filled")
async def test_whether_a_book_is_stale_is_found_out_once_however_much_is_shown_of_it(service):
    for planner in PLANNERS:
        arguments = f"'{OWNER}', '{BOOK}', {in_sql((date.min, date.max))}, {in_sql(None)}, 'month'"
        plan = await plan_of(service, planner, "get_totals", arguments)
        assert plan[0]["Actual Rows"] > 100
        assert [1] == [node["Actual Loops"] for node in plan if node.get("Relation Name") == "checkpoints"], planner


@pytest.mark.usefixtures("filled")
async def test_sums_of_the_past_read_the_entries_of_no_other_book(service):
    for planner in PLANNERS:
        plan = await plan_of(service, planner, "sum_books_at", f"'{{{BOOK},{NEIGHBOUR}}}', '{{1,1}}'")
        assert (ENTRIES + FEW, 2) == (touched(plan, "entries"), plan[0]["Actual Rows"]), planner


@pytest.mark.usefixtures("filled")
async def test_entry_is_found_by_its_key_however_often_it_was_changed(owner, service):
    entry_id = await service.fetchval("SELECT entry_id FROM entries WHERE journal_id = $1 LIMIT 1", BOOK)
    await owner.execute(CHANGE_OFTEN, BOOK, entry_id)
    await owner.execute("UPDATE readmodels.entries SET since = 1001 WHERE entry_id = $1 AND version = 1", entry_id)
    for planner in PLANNERS:
        for name, arguments, expected in (
            ("get_entry", f"'{OWNER}', '{BOOK}', '{entry_id}', NULL", 1),
            ("get_entry_at", f"'{BOOK}', '{entry_id}', 700, NULL", 302),  # it passes over the later ones
            ("load_entries", f"'{{{BOOK}}}', '{{{entry_id}}}'", 1),
        ):
            plan = await plan_of(service, planner, name, arguments)
            assert expected == touched(plan, "entries"), (planner, name)
            assert scans(plan, "entries") == {"Index Scan"}, (planner, name)


def test_filled_books_reach_the_range_that_is_asked_for():
    assert date(2016, 1, 1).toordinal() + ENTRIES // 6 > date(2024, 2, 29).toordinal()
