-- What the export of a book begins with; no row where there is no such book. first_day: of its live entries (null: none).
-- $1 user_id  $2 journal_id
SELECT CASE WHEN h.stale THEN ARRAY[h.journal_id] END AS stale_journals, m.role,
       b.name, b.currency, b.opening_balance_minor, b.created_at, f.first_day
FROM heads h
LEFT JOIN members m ON m.journal_id = h.journal_id AND m.user_id = $1
LEFT JOIN books b ON b.journal_id = h.journal_id
LEFT JOIN LATERAL (
    SELECT e.occurred_on AS first_day FROM entries e
    WHERE e.journal_id = h.journal_id AND e.until IS NULL AND NOT e.deleted AND m.role IS NOT NULL
    ORDER BY e.occurred_on LIMIT 1
) AS f ON true
WHERE h.journal_id = $2 AND h.kind = 'book'
