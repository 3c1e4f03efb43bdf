-- The streams of the books that a user owns, up to a time; always at least one row, for stale_journals.
-- until: how far each journal had come then.
-- $1 user_id  $2 time
WITH mine AS MATERIALIZED (
    SELECT m.journal_id, h.stale, position_at(m.journal_id, $2) AS until
    FROM members m JOIN heads h USING (journal_id)
    WHERE m.user_id = $1 AND m.role = 'owner'
)
SELECT s.stale_journals, told.*
FROM (SELECT array_agg(journal_id) FILTER (WHERE stale) AS stale_journals FROM mine) AS s
LEFT JOIN LATERAL (
    SELECT mine.until, e.journal_id, e.position, e.stream_id, e.version, e.topic, e.state, e.recorded_at, k.wrapped_key
    FROM mine
    CROSS JOIN LATERAL ( -- so that each is found by its key, whatever the planner believes of the table
        SELECT * FROM events e
        WHERE e.journal_id = mine.journal_id AND e.stream_id = mine.journal_id AND e.position <= mine.until OFFSET 0
    ) AS e
    LEFT JOIN journal_keys k ON k.journal_id = e.journal_id
) AS told ON true
ORDER BY told.journal_id, told.version
