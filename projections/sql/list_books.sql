-- The books that a user is a member of, in the order of their ids; always at least one row, for stale_journals.
-- $1 user_id  $2 deleted (null: both)  $3 after (journal_id, exclusive)  $4 how many
WITH mine AS MATERIALIZED (
    SELECT m.journal_id, m.role, h.stale FROM members m JOIN heads h USING (journal_id) WHERE m.user_id = $1
)
SELECT s.stale_journals, p.*
FROM (SELECT array_agg(journal_id) FILTER (WHERE stale) AS stale_journals FROM mine) AS s
LEFT JOIN LATERAL (
    SELECT mine.role, b.* FROM mine JOIN books b USING (journal_id)
    WHERE ($2::boolean IS NULL OR b.deleted = $2) AND b.journal_id > $3
    ORDER BY b.journal_id LIMIT $4
) AS p ON true
ORDER BY p.journal_id
