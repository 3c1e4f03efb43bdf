-- A book's sums over a range of days as they were at a position of its journal; at least one row where the book exists.
-- transferred_minor: transfers in less transfers out; entry_count: transfers included.
-- dated_until_minor: income less expense and with transfers, of everything dated up to the end of the range.
-- Reads every version that the book has had, once: what is summed per row is kept small, what is shown is made of the sums.
-- The first and the last day there is are stored as -infinity and infinity: a key that is shown is brought back.
-- $1 journal_id  $2 position  $3 $4 days, both included  $5 day, month, category, member or null
WITH sums AS MATERIALIZED (
    SELECT e.kind, e.occurred_on >= $3 AS in_range,
           CASE WHEN $5 IN ('day', 'month') THEN least(greatest(e.occurred_on, '0001-01-01'), '9999-12-31') END AS day,
           CASE $5 WHEN 'category' THEN e.category_id WHEN 'member' THEN e.created_by END AS id,
           sum(e.amount_minor) AS minor, count(*) AS entry_count
    FROM entries e
    WHERE e.journal_id = $1 AND e.since <= $2 AND (e.until IS NULL OR e.until > $2) AND NOT e.deleted AND e.occurred_on <= $4
    GROUP BY 1, 2, 3, 4
)
SELECT CASE WHEN h.stale THEN ARRAY[h.journal_id] END AS stale_journals, g.*,
       (SELECT coalesce(sum(CASE WHEN s.kind IN ('income', 'transfer_in') THEN s.minor ELSE -s.minor END), 0) FROM sums s)
           AS dated_until_minor
FROM heads h
LEFT JOIN LATERAL (
    SELECT CASE $5 WHEN 'day' THEN s.day::text WHEN 'month' THEN to_char(s.day, 'YYYY-MM') ELSE s.id::text END AS key,
           coalesce(sum(s.minor) FILTER (WHERE s.kind = 'income'), 0) AS income_minor,
           coalesce(sum(s.minor) FILTER (WHERE s.kind = 'expense'), 0) AS expense_minor,
           coalesce(sum(CASE s.kind WHEN 'transfer_in' THEN s.minor WHEN 'transfer_out' THEN -s.minor END), 0)
               AS transferred_minor,
           sum(s.entry_count) AS entry_count
    FROM sums s WHERE s.in_range GROUP BY 1
) AS g ON true
WHERE h.journal_id = $1 AND h.kind = 'book'
ORDER BY g.key
