-- Lock how far the read models, as they are now read, have come in some journals; in one order for everybody so that none
-- deadlock. Generations that are being built are left alone: a rebuild holds nobody up.
-- resting: null where all is well; true where the read model stopped at an event and is not to be tried again yet.
-- $1 journal_ids
SELECT c.journal_id, c.read_model, c.position, s.resting, r.version
FROM checkpoints c
JOIN read_models r ON r.name = c.read_model AND r.generation = c.generation
LEFT JOIN resting s ON s.journal_id = c.journal_id AND s.read_model = c.read_model
WHERE c.journal_id = ANY ($1)
ORDER BY c.journal_id, c.read_model FOR UPDATE OF c
