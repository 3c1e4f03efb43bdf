-- A row per entry, deleted ones included.
CREATE TABLE entries (
    journal_id   uuid NOT NULL,
    entry_id     uuid NOT NULL,
    kind         text NOT NULL,
    amount_minor bigint NOT NULL,
    occurred_on  date NOT NULL,
    category_id  uuid,
    memo         text,                      -- null once erased
    tags         text[],
    searched     text NOT NULL,             -- memo and tags, folded, set apart by U+001F
    copied_from  uuid,
    deleted      boolean NOT NULL,
    created_by   uuid,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    version      int NOT NULL,
    PRIMARY KEY (journal_id, entry_id)
);
CREATE INDEX entries_by_day ON entries (journal_id, occurred_on DESC, entry_id);
CREATE INDEX entries_by_amount ON entries (journal_id, amount_minor, entry_id);
CREATE INDEX entries_by_record ON entries (journal_id, created_at DESC, entry_id);

-- The filters of a list, the same for every order; inlined into the query that calls it.
CREATE OR REPLACE FUNCTION entry_matches(
    e entries, folded_category_name text, state_deleted boolean, day_min date, day_max date, of_kind text,
    of_categories uuid[], folded_tag text, folded_part text, amount_min numeric, amount_max numeric, decimals int
) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT (state_deleted IS NULL OR e.deleted = state_deleted)
       AND e.occurred_on BETWEEN day_min AND day_max
       AND (amount_min IS NULL OR e.amount_minor >= amount_min * 10 ^ decimals)
       AND (amount_max IS NULL OR e.amount_minor <= amount_max * 10 ^ decimals)
       AND (of_kind IS NULL OR e.kind = of_kind)
       AND (of_categories IS NULL OR e.category_id = ANY (of_categories))
       AND (folded_tag IS NULL OR strpos(e.searched, E'\x1f' || folded_tag || E'\x1f') > 0)
       AND (folded_part IS NULL OR strpos(e.searched, folded_part) > 0 OR strpos(folded_category_name, folded_part) > 0)
$$;
