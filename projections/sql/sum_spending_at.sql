-- What each member had recorded in each month, as it was at a position of the journal; at least one row where the book
-- exists. The first and the last day there is are stored as -infinity and infinity, and are brought back into months.
-- $1 journal_id  $2 position  $3 $4 days, both included
SELECT CASE WHEN h.stale THEN ARRAY[h.journal_id] END AS stale_journals, g.*
FROM heads h
LEFT JOIN LATERAL (
    SELECT coalesce(e.created_by, '00000000-0000-0000-0000-000000000000') AS member_id,
           date_trunc('month', least(greatest(e.occurred_on, '0001-01-01'), '9999-12-31')::timestamp)::date AS month,
           coalesce(sum(e.amount_minor) FILTER (WHERE e.kind = 'income'), 0) AS income_minor,
           coalesce(sum(e.amount_minor) FILTER (WHERE e.kind = 'expense'), 0) AS expense_minor,
           count(*) AS entry_count
    FROM entries e
    WHERE e.journal_id = $1 AND e.since <= $2 AND (e.until IS NULL OR e.until > $2) AND NOT e.deleted
          AND e.occurred_on BETWEEN $3 AND $4 AND e.kind IN ('income', 'expense')
    GROUP BY 1, 2
) AS g ON true
WHERE h.journal_id = $1 AND h.kind = 'book'
ORDER BY nullif(g.member_id, '00000000-0000-0000-0000-000000000000'), g.month
