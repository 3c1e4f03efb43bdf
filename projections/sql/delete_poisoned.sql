-- Forget that a read model stopped in a journal.
-- $1 journal_id  $2 read model
DELETE FROM poisoned WHERE journal_id = $1 AND read_model = $2
