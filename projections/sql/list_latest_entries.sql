-- The latest entries of a book: the first page of list_entries_by_day_newest without filters, which is asked for most, at half
-- the cost of a statement that can do all. At least one row where the book exists. Ids come as text, ready to show.
-- $1 user_id  $2 journal_id  $3 how many
SELECT CASE WHEN h.stale THEN ARRAY[h.journal_id] END AS stale_journals, m.role, b.currency, false AS cut,
       p.entry_id::text, p.journal_id::text, p.kind, p.amount_minor, p.occurred_on, p.category_id::text, p.memo, p.tags,
       p.copied_from::text, p.batch_id::text, p.transfer_id::text, p.other_book_id::text, p.other_entry_id::text,
       p.deleted, p.created_by::text, p.created_at, p.updated_at, p.version,
       c.name AS category_name, c.kind AS category_kind, c.deleted AS category_deleted
FROM heads h
LEFT JOIN members m ON m.journal_id = h.journal_id AND m.user_id = $1
LEFT JOIN books b ON b.journal_id = h.journal_id
LEFT JOIN LATERAL (
    SELECT * FROM entries e
    WHERE e.journal_id = $2 AND e.until IS NULL AND NOT e.deleted AND m.role IS NOT NULL
    ORDER BY e.occurred_on DESC, e.entry_id LIMIT $3
) AS p ON true
LEFT JOIN categories c ON c.journal_id = $2 AND c.category_id = p.category_id
WHERE h.journal_id = $2 AND h.kind = 'book'
ORDER BY p.occurred_on DESC, p.entry_id
