-- Who belongs to a book, longest first, by name; at least one row where the book exists.
-- $1 user_id  $2 journal_id
WITH book AS MATERIALIZED (
    SELECT h.journal_id, h.stale, m.role
    FROM heads h LEFT JOIN members m ON m.journal_id = h.journal_id AND m.user_id = $1
    WHERE h.journal_id = $2 AND h.kind = 'book'
), listed AS MATERIALIZED (
    SELECT m.user_id, u.name, u.email, m.role, m.joined_at, h.stale
    FROM members m LEFT JOIN heads h ON h.journal_id = m.user_id LEFT JOIN users u ON u.journal_id = m.user_id
    WHERE m.journal_id = $2
)
SELECT array_remove(CASE WHEN book.stale THEN ARRAY[book.journal_id] END
                    || (SELECT array_agg(user_id) FROM listed WHERE stale), NULL) AS stale_journals,
       book.role AS reader_role, listed.user_id, listed.name, listed.email, listed.role, listed.joined_at
FROM book LEFT JOIN listed ON book.role IS NOT NULL
ORDER BY listed.joined_at, listed.user_id
