-- A book's sums of one month, a row per category; at least one row where the book exists.
-- closing_balance_minor: what is dated after the month is taken off the book's own sums, since mostly late months are
-- asked for; a row is read for each of them.
-- $1 user_id  $2 journal_id  $3 month
SELECT CASE WHEN h.stale THEN ARRAY[h.journal_id] END AS stale_journals, m.role, b.currency,
       b.opening_balance_minor + b.income_minor - b.expense_minor + b.transferred_minor - (
           SELECT coalesce(sum(s.income_minor - s.expense_minor + s.transferred_minor), 0)
           FROM statements s WHERE s.journal_id = $2 AND s.month > $3) AS closing_balance_minor,
       g.*, c.name, c.kind, c.deleted
FROM heads h
LEFT JOIN members m ON m.journal_id = h.journal_id AND m.user_id = $1
LEFT JOIN books b ON b.journal_id = h.journal_id
LEFT JOIN LATERAL (
    SELECT nullif(t.category_id, '00000000-0000-0000-0000-000000000000') AS category_id,
           sum(t.income_minor) AS income_minor, sum(t.expense_minor) AS expense_minor,
           sum(t.transferred_minor) AS transferred_minor, sum(t.entry_count) AS entry_count
    FROM totals t
    WHERE t.journal_id = $2 AND t.grain = 'month' AND t.starts_on = $3 AND m.role IS NOT NULL
    GROUP BY t.category_id
) AS g ON true
LEFT JOIN categories c ON c.journal_id = h.journal_id AND c.category_id = g.category_id
WHERE h.journal_id = $2 AND h.kind = 'book'
ORDER BY g.category_id
