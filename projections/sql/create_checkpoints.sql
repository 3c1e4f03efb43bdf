-- Begin to read journals with each read model of their kind that has not begun them; returns nothing.
-- $1 journal_ids
INSERT INTO checkpoints (journal_id, read_model, generation, position)
SELECT j.journal_id, r.name, r.generation, 0 FROM journals j JOIN read_models r USING (kind)
WHERE j.journal_id = ANY ($1)
ORDER BY j.journal_id, r.name
ON CONFLICT DO NOTHING
