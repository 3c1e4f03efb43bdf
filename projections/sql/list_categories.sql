-- The categories of a book, in the order of their ids; at least one row where the book exists.
-- $1 user_id  $2 journal_id  $3 deleted (null: both)  $4 after (category_id, exclusive)  $5 how many
SELECT CASE WHEN h.stale THEN ARRAY[h.journal_id] END AS stale_journals, m.role, p.*
FROM heads h
LEFT JOIN members m ON m.journal_id = h.journal_id AND m.user_id = $1
LEFT JOIN LATERAL (
    SELECT c.category_id, c.kind, c.name, c.deleted FROM categories c
    WHERE c.journal_id = h.journal_id AND ($3::boolean IS NULL OR c.deleted = $3) AND c.category_id > $4
    ORDER BY c.category_id LIMIT $5
) AS p ON true
WHERE h.journal_id = $2 AND h.kind = 'book'
ORDER BY p.category_id
