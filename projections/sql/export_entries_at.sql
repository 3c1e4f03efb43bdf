-- The entries of a book that were live at a position of its journal, as export_entries.sql has those of the present.
-- $1 journal_id  $2 whether with transfers  $3 position  $4 $5 the categories of then: ids and names
SELECT e.entry_id::text, e.kind, e.amount_minor, e.occurred_on, c.name AS category_name, e.memo, e.tags,
       e.created_by::text, e.created_at,
       e.transfer_id::text, e.other_book_id::text, e.other_entry_id::text
FROM entries e LEFT JOIN unnest($4::uuid[], $5::text[]) AS c (category_id, name) ON c.category_id = e.category_id
WHERE e.journal_id = $1 AND e.since <= $3 AND (e.until IS NULL OR e.until > $3)
  AND NOT e.deleted AND ($2 OR e.kind IN ('income', 'expense'))
ORDER BY e.occurred_on, e.entry_id
