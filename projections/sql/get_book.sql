-- One book with the reader's role in it (null: none); no row where there is no such book.
-- $1 user_id  $2 journal_id
SELECT CASE WHEN h.stale THEN ARRAY[h.journal_id] END AS stale_journals, m.role, b.*
FROM heads h
LEFT JOIN members m ON m.journal_id = h.journal_id AND m.user_id = $1
LEFT JOIN books b ON b.journal_id = h.journal_id
WHERE h.journal_id = $2 AND h.kind = 'book'
