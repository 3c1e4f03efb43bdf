-- The months of a book that have entries, latest first; at least one row where the book exists.
-- closing_balance_minor: the book's balance less what is dated after the month; rows are read from the latest month to
-- the end of the page, one for each month.
-- $1 user_id  $2 journal_id  $3 before (month, exclusive)  $4 how many
SELECT CASE WHEN h.stale THEN ARRAY[h.journal_id] END AS stale_journals, m.role, b.currency, p.*
FROM heads h
LEFT JOIN members m ON m.journal_id = h.journal_id AND m.user_id = $1
LEFT JOIN books b ON b.journal_id = h.journal_id
LEFT JOIN LATERAL (
    SELECT r.* FROM (
        SELECT s.*,
               b.opening_balance_minor + b.income_minor - b.expense_minor + b.transferred_minor
               - coalesce(sum(s.income_minor - s.expense_minor + s.transferred_minor) OVER (
                     ORDER BY s.month DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS closing_balance_minor
        FROM statements s WHERE s.journal_id = $2 AND m.role IS NOT NULL
    ) AS r
    WHERE r.month < $3 AND r.entry_count > 0
    ORDER BY r.month DESC LIMIT $4
) AS p ON true
WHERE h.journal_id = $2 AND h.kind = 'book'
ORDER BY p.month DESC
