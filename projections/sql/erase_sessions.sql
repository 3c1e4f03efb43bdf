-- Remove all rows of some journals.
-- $1 journal_ids
DELETE FROM sessions WHERE journal_id = ANY ($1)
