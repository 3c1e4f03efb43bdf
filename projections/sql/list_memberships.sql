-- The books that a user belongs to, deleted ones too; always at least one row, for stale_journals.
-- $1 user_id
WITH mine AS MATERIALIZED (
    SELECT m.journal_id, h.stale FROM members m JOIN heads h USING (journal_id) WHERE m.user_id = $1
)
SELECT s.stale_journals, mine.journal_id
FROM (SELECT array_agg(journal_id) FILTER (WHERE stale) AS stale_journals FROM mine) AS s LEFT JOIN mine ON true
ORDER BY mine.journal_id
