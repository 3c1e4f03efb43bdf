-- The live entries of a book, oldest day first, those of a day by id; read by a cursor. Ids come as text, ready to show.
-- $1 journal_id  $2 whether with transfers
SELECT e.entry_id::text, e.kind, e.amount_minor, e.occurred_on, c.name AS category_name, e.memo, e.tags,
       e.created_by::text, e.created_at,
       e.transfer_id::text, e.other_book_id::text, e.other_entry_id::text
FROM entries e LEFT JOIN categories c ON c.journal_id = e.journal_id AND c.category_id = e.category_id
WHERE e.journal_id = $1 AND e.until IS NULL AND NOT e.deleted AND ($2 OR e.kind IN ('income', 'expense'))
ORDER BY e.occurred_on, e.entry_id
