-- The same entries and totals, computed from the stored JSON by one backend: the limit of a rebuild.
-- It opens no sealed text and makes nothing to search by; its tables have their primary keys and no other index.
DROP TABLE IF EXISTS plain_entries, plain_totals;

CREATE TABLE plain_entries (
    journal_id uuid, entry_id uuid, version int, since bigint, until bigint, deleted boolean,
    occurred_on date, amount_minor bigint, kind text, category_id uuid, memo text, tags text,
    created_by uuid, created_at timestamptz, changed_by uuid, updated_at timestamptz,
    PRIMARY KEY (journal_id, entry_id, version)
);

CREATE TABLE plain_totals (
    journal_id uuid, grain text, starts_on date, category_id uuid, member_id uuid,
    income_minor numeric, expense_minor numeric, transferred_minor numeric, entry_count bigint,
    PRIMARY KEY (journal_id, grain, starts_on, category_id, member_id)
);

CREATE TEMPORARY TABLE read_events ON COMMIT DROP AS
SELECT journal_id, position, stream_id, version, topic, recorded_at,
       state->'adds' AS adds, state->'removes' AS removes, state->>'memo' AS memo, state->>'tags' AS tags,
       (state->>'actor')::uuid AS actor,
       first_value((state->>'actor')::uuid) OVER stream AS author,
       first_value(recorded_at) OVER stream AS created_at,
       lead(position) OVER stream AS until
FROM (SELECT journal_id, position, stream_id, version, topic, recorded_at,
             convert_from(state, 'UTF8')::jsonb AS state FROM eventstore.events WHERE topic LIKE 'entry.%') AS e
WINDOW stream AS (PARTITION BY journal_id, stream_id ORDER BY version);

INSERT INTO plain_entries
SELECT journal_id, stream_id, version, position, until, topic = 'entry.deleted',
       (posting->>'occurred_on')::date, (posting->>'amount_minor')::bigint, posting->>'kind',
       (posting->>'category_id')::uuid,
       first_value(memo) OVER told, first_value(tags) OVER told, author, created_at, actor, recorded_at
FROM (SELECT *, coalesce(adds, removes) AS posting,
             count(memo) OVER (PARTITION BY journal_id, stream_id ORDER BY version) AS texts FROM read_events) AS e
WINDOW told AS (PARTITION BY journal_id, stream_id, texts ORDER BY version);

INSERT INTO plain_totals
SELECT journal_id, grain, starts_on, of_category, of_member,
       coalesce(sum(amount) FILTER (WHERE kind = 'income'), 0),
       coalesce(sum(amount) FILTER (WHERE kind = 'expense'), 0), 0, sum(sign)
FROM (SELECT e.journal_id, e.author, p.sign, p.sign * (p.posting->>'amount_minor')::bigint AS amount,
             p.posting->>'kind' AS kind, (p.posting->>'category_id')::uuid AS category_id,
             (p.posting->>'occurred_on')::date AS day
      FROM read_events e CROSS JOIN LATERAL (VALUES (1, e.adds), (-1, e.removes)) AS p (sign, posting)
      WHERE p.posting IS NOT NULL AND p.posting <> 'null') AS p
CROSS JOIN LATERAL (VALUES ('day', day, category_id, author), ('month', date_trunc('month', day)::date, category_id, author),
    ('year', date_trunc('year', day)::date, category_id, author),
    ('whole_month', date_trunc('month', day)::date, '00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000000')
) AS g (grain, starts_on, of_category, of_member)
GROUP BY journal_id, grain, starts_on, of_category, of_member;
