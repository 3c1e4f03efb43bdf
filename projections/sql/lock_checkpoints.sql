-- Lock how far the read models, as they are now read, have come in some journals; in one order for everybody so that none
-- deadlock. Generations that are being built are left alone: a rebuild holds nobody up.
-- $1 journal_ids
SELECT c.journal_id, c.read_model, c.position, r.version
FROM checkpoints c JOIN read_models r ON r.name = c.read_model AND r.generation = c.generation
WHERE c.journal_id = ANY ($1)
ORDER BY c.journal_id, c.read_model FOR UPDATE OF c
