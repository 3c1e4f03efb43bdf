-- The rows of some books.
-- $1 journal_ids
SELECT journal_id, name, description, currency, decimals, opening_balance_minor, income_minor, expense_minor,
       transferred_minor, entry_count, closed_through, deleted, created_at, updated_at, version
FROM books WHERE journal_id = ANY ($1)
