-- Lock how far the read models have read some journals, in one order for everybody so that none deadlock.
-- resting: null where all is well; true where the read model stopped at an event and is not to be tried again yet.
-- $1 journal_ids
SELECT c.journal_id, c.read_model, c.position, r.resting
FROM checkpoints c LEFT JOIN resting r USING (journal_id, read_model)
WHERE c.journal_id = ANY ($1)
ORDER BY c.journal_id, c.read_model FOR UPDATE OF c
