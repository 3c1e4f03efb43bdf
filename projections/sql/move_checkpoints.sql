-- Note how far the read models have read.
-- $1 journal_ids  $2 read models  $3 positions
UPDATE checkpoints c SET position = m.position
FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS m (journal_id, read_model, position)
JOIN read_models r ON r.name = m.read_model
WHERE c.journal_id = m.journal_id AND c.read_model = m.read_model AND c.generation = r.generation
