-- What each member of a book recorded in each month of a range, by member; at least one row where the book exists.
-- Former members count on; their names are those of today.
-- $1 user_id  $2 journal_id  $3 $4 first and last month
WITH book AS MATERIALIZED (
    SELECT h.journal_id, h.stale, m.role, b.currency
    FROM heads h
    LEFT JOIN members m ON m.journal_id = h.journal_id AND m.user_id = $1
    LEFT JOIN books b ON b.journal_id = h.journal_id
    WHERE h.journal_id = $2 AND h.kind = 'book'
), spent AS MATERIALIZED (
    SELECT s.member_id, s.month, s.income_minor, s.expense_minor, s.entry_count FROM spending s
    WHERE s.journal_id = $2 AND s.month BETWEEN $3 AND $4 AND s.entry_count > 0
), people AS MATERIALIZED (
    SELECT p.member_id, u.name, h.stale
    FROM (SELECT DISTINCT member_id FROM spent) AS p
    LEFT JOIN heads h ON h.journal_id = p.member_id LEFT JOIN users u ON u.journal_id = p.member_id
)
SELECT array_remove(CASE WHEN book.stale THEN ARRAY[book.journal_id] END
                    || (SELECT array_agg(member_id) FROM people WHERE stale), NULL) AS stale_journals,
       book.role, book.currency, spent.*, people.name
FROM book LEFT JOIN (spent JOIN people USING (member_id)) ON book.role IS NOT NULL
ORDER BY nullif(spent.member_id, '00000000-0000-0000-0000-000000000000'), spent.month
