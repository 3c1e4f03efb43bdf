-- One category of a book, deleted or not; a row where the book exists.
-- $1 user_id  $2 journal_id  $3 category_id
SELECT CASE WHEN h.stale THEN ARRAY[h.journal_id] END AS stale_journals, m.role, c.category_id, c.kind, c.name, c.deleted
FROM heads h
LEFT JOIN members m ON m.journal_id = h.journal_id AND m.user_id = $1
LEFT JOIN categories c ON c.journal_id = h.journal_id AND c.category_id = $3
WHERE h.journal_id = $2 AND h.kind = 'book'
