-- One entry of a book; a row without entry_id where the book exists but the entry does not. Ids come as text.
-- $1 user_id  $2 journal_id  $3 entry_id  $4 deleted (null: both)
SELECT CASE WHEN h.stale THEN ARRAY[h.journal_id] END AS stale_journals, m.role, b.currency,
       e.entry_id::text, e.journal_id::text, e.kind, e.amount_minor, e.occurred_on, e.category_id::text, e.memo, e.tags,
       e.copied_from::text, e.batch_id::text, e.transfer_id::text, e.other_book_id::text, e.other_entry_id::text,
       e.deleted, e.created_by::text, e.created_at, e.updated_at, e.version,
       c.name AS category_name, c.kind AS category_kind, c.deleted AS category_deleted
FROM heads h
LEFT JOIN members m ON m.journal_id = h.journal_id AND m.user_id = $1
LEFT JOIN books b ON b.journal_id = h.journal_id
LEFT JOIN LATERAL ( -- the latest version is the current one
    SELECT * FROM entries e WHERE e.journal_id = $2 AND e.entry_id = $3 ORDER BY e.version DESC LIMIT 1
) AS e ON $4::boolean IS NULL OR e.deleted = $4
LEFT JOIN categories c ON c.journal_id = e.journal_id AND c.category_id = e.category_id
WHERE h.journal_id = $2 AND h.kind = 'book'
