-- Remove all rows of some journals.
-- $1 journal_ids
DELETE FROM totals WHERE journal_id = ANY ($1)
