-- The wrapped data key of a journal.
-- $1 journal_id
SELECT wrapped_key FROM journal_keys WHERE journal_id = $1
