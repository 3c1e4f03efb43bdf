-- Lock what lock_checkpoints does, but for what others have locked: of that the position is null, and nobody waits.
-- $1 journal_ids
WITH free AS MATERIALIZED (
    SELECT journal_id, read_model, position FROM checkpoints WHERE journal_id = ANY ($1)
    ORDER BY journal_id, read_model FOR UPDATE SKIP LOCKED
)
SELECT c.journal_id, c.read_model, free.position, r.resting
FROM checkpoints c
LEFT JOIN free USING (journal_id, read_model)
LEFT JOIN resting r USING (journal_id, read_model)
WHERE c.journal_id = ANY ($1)
