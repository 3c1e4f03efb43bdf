-- Entries of a book, smallest amount first, equal ones by id; at least one row where the book exists.
-- $1 user_id  $2 journal_id  $3 how many  $4 $5 after (key and entry_id, exclusive; null: from the start)
-- $6 deleted  $7 $8 days  $9 kind  $10 category_ids  $11 folded tag  $12 folded part  $13 $14 amounts
SELECT CASE WHEN h.stale THEN ARRAY[h.journal_id] END AS stale_journals, m.role, b.currency, p.*
FROM heads h
LEFT JOIN members m ON m.journal_id = h.journal_id AND m.user_id = $1
LEFT JOIN books b ON b.journal_id = h.journal_id
LEFT JOIN LATERAL (
    SELECT e.*, c.name AS category_name, c.kind AS category_kind, c.deleted AS category_deleted
    FROM entries e LEFT JOIN categories c ON c.journal_id = e.journal_id AND c.category_id = e.category_id
    WHERE e.journal_id = h.journal_id AND m.role IS NOT NULL
      AND entry_matches(e, c.folded_name, $6, $7, $8, $9, $10, $11, $12, $13, $14, b.decimals)
      AND e.amount_minor >= coalesce($4::bigint, 0)
      AND ($5::uuid IS NULL OR e.amount_minor > $4 OR e.entry_id > $5)
    ORDER BY e.amount_minor, e.entry_id LIMIT $3
) AS p ON true
WHERE h.journal_id = $2 AND h.kind = 'book'
ORDER BY p.amount_minor, p.entry_id
