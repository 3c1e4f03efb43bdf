-- Forget how far some journals were read, so that they are read again from their beginning.
-- $1 journal_ids
DELETE FROM checkpoints WHERE journal_id = ANY ($1)
