-- Lock what lock_checkpoints does, but for what others have locked: of that the position is null, and nobody waits.
-- $1 journal_ids
WITH free AS MATERIALIZED (
    SELECT c.journal_id, c.read_model, c.position
    FROM checkpoints c JOIN read_models r ON r.name = c.read_model AND r.generation = c.generation
    WHERE c.journal_id = ANY ($1)
    ORDER BY c.journal_id, c.read_model FOR UPDATE OF c SKIP LOCKED
)
SELECT c.journal_id, c.read_model, f.position, s.resting, r.version
FROM checkpoints c
JOIN read_models r ON r.name = c.read_model AND r.generation = c.generation
LEFT JOIN free f ON f.journal_id = c.journal_id AND f.read_model = c.read_model
LEFT JOIN resting s ON s.journal_id = c.journal_id AND s.read_model = c.read_model
WHERE c.journal_id = ANY ($1)
