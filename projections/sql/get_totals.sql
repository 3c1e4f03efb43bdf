-- A book's sums over a range of days, whole months taken from the rows per month; at least one row where it exists.
-- dated_until_minor: income less expense of everything dated up to the end of the range; what is dated later is
-- taken off the book's own sums, since ranges mostly end near the present.
-- The driver writes the first and the last day there is as -infinity and infinity, and so they are stored: a key that
-- is shown is brought back among the days, and no bound is reckoned from such a day here.
-- $1 user_id  $2 journal_id  $3 $4 first and last day  $5 $6 whole months, from and until (exclusive)
-- $7 single days before them, until (exclusive)  $8 single days after them, from  $9 day, month, category or null
-- $10 last day of the month of $4
SELECT CASE WHEN h.stale THEN ARRAY[h.journal_id] END AS stale_journals, m.role,
       b.currency, b.opening_balance_minor, g.*,
       b.income_minor - b.expense_minor - CASE WHEN $4 = 'infinity'::date THEN 0 ELSE (
           SELECT coalesce(sum(t.income_minor - t.expense_minor), 0) FROM totals t
           WHERE t.journal_id = h.journal_id
             AND (t.grain = 'month' AND t.starts_on > $4
                  OR t.grain = 'day' AND t.starts_on > $4 AND t.starts_on <= $10)) END AS dated_until_minor
FROM heads h
LEFT JOIN members m ON m.journal_id = h.journal_id AND m.user_id = $1
LEFT JOIN books b ON b.journal_id = h.journal_id
LEFT JOIN LATERAL (
    SELECT CASE $9 WHEN 'day' THEN least(greatest(t.starts_on, '0001-01-01'), '9999-12-31')::text
                   WHEN 'month' THEN to_char(least(greatest(t.starts_on, '0001-01-01'), '9999-12-31'), 'YYYY-MM')
                   WHEN 'category' THEN nullif(t.category_id, '00000000-0000-0000-0000-000000000000')::text
           END AS key,
           sum(t.income_minor) AS income_minor, sum(t.expense_minor) AS expense_minor,
           sum(t.entry_count) AS entry_count
    FROM totals t
    WHERE t.journal_id = h.journal_id AND m.role IS NOT NULL
      AND (t.grain = 'month' AND t.starts_on >= $5 AND t.starts_on < $6
           OR t.grain = 'day' AND t.starts_on BETWEEN $3 AND $4 AND (t.starts_on < $7 OR t.starts_on >= $8))
    GROUP BY 1
) AS g ON true
WHERE h.journal_id = $2 AND h.kind = 'book'
ORDER BY g.key
