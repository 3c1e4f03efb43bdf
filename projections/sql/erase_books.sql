-- Remove all rows of some books.
-- $1 journal_ids
WITH members AS (DELETE FROM members WHERE journal_id = ANY ($1)),
     categories AS (DELETE FROM categories WHERE journal_id = ANY ($1)),
     closings AS (DELETE FROM closings WHERE journal_id = ANY ($1))
DELETE FROM books WHERE journal_id = ANY ($1)
