-- Remove all rows of some journals.
-- $1 journal_ids
DELETE FROM users WHERE journal_id = ANY ($1)
