-- The rows of some users.
-- $1 journal_ids
SELECT journal_id, email, name FROM users WHERE journal_id = ANY ($1)
