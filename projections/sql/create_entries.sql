-- A row per version of each entry, deleted ones included; the lists of the present read only the current ones.
CREATE TABLE entries (
    journal_id     uuid NOT NULL,           -- first what filters and orders read of many rows: less of each to unpack
    entry_id       uuid NOT NULL,
    version        int NOT NULL,
    deleted        boolean NOT NULL,
    occurred_on    date NOT NULL,
    amount_minor   bigint NOT NULL,
    since          bigint NOT NULL,         -- position of the event that made this version
    created_at     timestamptz NOT NULL,
    kind           text NOT NULL,
    until          bigint,                  -- position of the event that replaced it; null: current
    category_id    uuid,
    searched       text NOT NULL,           -- memo and tags as they are sought: see projections/search.py
    terms          bigint[],                -- by which the current version is found; null: not current
    memo           text,                    -- null once erased
    tags           text[],
    copied_from    uuid,
    batch_id       uuid,
    transfer_id    uuid,                    -- of a transfer, with the entry on its other side
    other_book_id  uuid,
    other_entry_id uuid,
    created_by     uuid,
    changed_by     uuid,
    updated_at     timestamptz NOT NULL,
    PRIMARY KEY (journal_id, entry_id, version)
);
-- Each order has an index of its own, with the id ascending: a book whose entries all have one day or one amount lists them
-- as fast as any other, and one with many deleted entries lists the live ones as if those were not there.
CREATE INDEX entries_by_day_newest ON entries (journal_id, deleted, occurred_on DESC, entry_id) WHERE until IS NULL;
CREATE INDEX entries_by_day_oldest ON entries (journal_id, deleted, occurred_on, entry_id) WHERE until IS NULL;
CREATE INDEX entries_by_amount_smallest ON entries (journal_id, deleted, amount_minor, entry_id) WHERE until IS NULL;
CREATE INDEX entries_by_amount_largest ON entries (journal_id, deleted, amount_minor DESC, entry_id) WHERE until IS NULL;
CREATE INDEX entries_by_record_newest ON entries (journal_id, deleted, created_at DESC, entry_id) WHERE until IS NULL;
-- By expressions, so that the planner cannot take the indexes of amounts alone for as good.
CREATE INDEX entries_by_category ON entries (journal_id, deleted, category_id, (+amount_minor), entry_id) WHERE until IS NULL;
CREATE INDEX entries_by_category_largest ON entries (journal_id, deleted, category_id, (-amount_minor), entry_id)
    WHERE until IS NULL;
-- What is still pending (kB) every search reads as it is; what is merged costs half as much at 256 as at 64, little less beyond.
CREATE INDEX entries_by_terms ON entries USING gin (terms) WITH (gin_pending_list_limit = 256) WHERE terms IS NOT NULL;

-- The functions below are inlined into the queries that call them.

-- What a list needs to know of its book: the reader's role (null: none), the categories whose name holds the folded part, and
-- the bounds of amounts in minor units; no row where there is no such book.
CREATE OR REPLACE FUNCTION book_of_entries(
    reader_id uuid, book_id uuid, folded_part text, amount_min numeric, amount_max numeric
) RETURNS TABLE (stale_journals uuid[], role text, currency text, named uuid[], minor_min bigint, minor_max bigint)
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN h.stale THEN ARRAY[h.journal_id] END, m.role, b.currency,
           ARRAY(SELECT c.category_id FROM categories c
                 WHERE c.journal_id = book_id AND strpos(c.folded_name, folded_part) > 0),
           least(coalesce(ceil(amount_min * 10::numeric ^ b.decimals), 0), 9223372036854775807)::bigint,
           least(floor(amount_max * 10::numeric ^ b.decimals), 9223372036854775807)::bigint -- ignores nulls
    FROM heads h
    LEFT JOIN members m ON m.journal_id = h.journal_id AND m.user_id = reader_id
    LEFT JOIN books b ON b.journal_id = h.journal_id
    WHERE h.journal_id = book_id AND h.kind = 'book'
$$;

-- The filters of a list, the same for every order; but for the ranges, null is no filter.
CREATE OR REPLACE FUNCTION entry_matches(
    occurred_on date, amount_minor bigint, kind text, category_id uuid, searched text,
    day_min date, day_max date, minor_min bigint, minor_max bigint, of_kinds text[], of_categories uuid[],
    folded_tag text, folded_part text, named uuid[]
) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT occurred_on BETWEEN day_min AND day_max
       AND amount_minor BETWEEN minor_min AND minor_max
       AND (of_kinds IS NULL OR kind = ANY (of_kinds))
       AND (of_categories IS NULL OR category_id = ANY (of_categories))
       AND (folded_tag IS NULL OR strpos(searched, E'\x1f' || folded_tag || E'\x1f') > 0)
       AND (folded_part IS NULL OR strpos(searched, folded_part) > 0 OR category_id = ANY (named))
$$;

-- What an order sorts by, ascending, equal ones by id; a date beyond the calendar's ends counts as its end.
CREATE OR REPLACE FUNCTION entry_key(sort text, occurred_on date, amount_minor bigint, created_at timestamptz)
RETURNS bigint LANGUAGE sql STABLE AS $$ -- as extract() is: else it would not be inlined
    SELECT CASE sort
        WHEN '-occurred_on' THEN date '0001-01-01' - least(greatest(occurred_on, '0001-01-01'), '9999-12-31')
        WHEN 'occurred_on' THEN least(greatest(occurred_on, '0001-01-01'), '9999-12-31') - date '0001-01-01'
        WHEN 'amount' THEN amount_minor
        WHEN '-amount' THEN -amount_minor
        WHEN '-recorded_at' THEN -(extract(epoch FROM created_at) * 1000000)::bigint
    END
$$;

-- An instant as JSON answers have it, in the sessions' time zone, which is UTC: all six decimals, or none.
CREATE OR REPLACE FUNCTION instant_shown(instant timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN instant = instant::timestamptz(0) THEN to_char(instant, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
                ELSE to_char(instant, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') END
$$;
