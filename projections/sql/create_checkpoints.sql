-- Begin to read journals that are new to a read model; a row per journal begun or not, with its kind.
-- $1 journal_ids
INSERT INTO checkpoints (journal_id, read_model, generation, position)
SELECT j.journal_id, r.name, r.generation, 0 FROM journals j JOIN read_models r USING (kind)
WHERE j.journal_id = ANY ($1)
ORDER BY j.journal_id, r.name
ON CONFLICT DO NOTHING
