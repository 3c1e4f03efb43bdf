-- The live books that a user owns; always at least one row, for stale_journals.
-- $1 user_id
WITH mine AS MATERIALIZED (
    SELECT m.journal_id, h.stale FROM members m JOIN heads h USING (journal_id)
    WHERE m.user_id = $1 AND m.role = 'owner'
)
SELECT s.stale_journals, p.*
FROM (SELECT array_agg(journal_id) FILTER (WHERE stale) AS stale_journals FROM mine) AS s
LEFT JOIN LATERAL (
    SELECT b.journal_id, b.name, b.currency, b.opening_balance_minor, b.income_minor, b.expense_minor, b.transferred_minor
    FROM mine JOIN books b USING (journal_id) WHERE NOT b.deleted
) AS p ON true
ORDER BY p.journal_id
