-- The closings in force of a book, earliest first; at least one row where the book exists.
-- $1 user_id  $2 journal_id
SELECT CASE WHEN h.stale THEN ARRAY[h.journal_id] END AS stale_journals, m.role, c.through, c.closed_at, c.closed_by
FROM heads h
LEFT JOIN members m ON m.journal_id = h.journal_id AND m.user_id = $1
LEFT JOIN closings c ON c.journal_id = h.journal_id AND m.role IS NOT NULL
WHERE h.journal_id = $2 AND h.kind = 'book'
ORDER BY c.through
