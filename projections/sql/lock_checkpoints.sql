-- Lock how far the read models have read some journals, in one order for everybody so that none deadlock.
-- $1 journal_ids
SELECT journal_id, read_model, position FROM checkpoints WHERE journal_id = ANY ($1)
ORDER BY journal_id, read_model FOR UPDATE
