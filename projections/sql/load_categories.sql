-- All categories of some books.
-- $1 journal_ids
SELECT journal_id, category_id, kind, name, deleted FROM categories WHERE journal_id = ANY ($1)
