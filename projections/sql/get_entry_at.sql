-- One entry of a book as it was at a position of its journal; a row without entry_id where there was none. Ids come as text.
-- $1 journal_id  $2 entry_id  $3 position  $4 deleted (null: both)
SELECT CASE WHEN h.stale THEN ARRAY[h.journal_id] END AS stale_journals,
       e.entry_id::text, e.journal_id::text, e.kind, e.amount_minor, e.occurred_on, e.category_id::text, e.memo, e.tags,
       e.copied_from::text, e.batch_id::text, e.transfer_id::text, e.other_book_id::text, e.other_entry_id::text,
       e.deleted, e.created_by::text, e.created_at, e.updated_at, e.version
FROM heads h
LEFT JOIN LATERAL (
    SELECT * FROM entries e WHERE e.journal_id = $1 AND e.entry_id = $2 AND e.since <= $3 ORDER BY e.version DESC LIMIT 1
) AS e ON $4::boolean IS NULL OR e.deleted = $4
WHERE h.journal_id = $1 AND h.kind = 'book'
