-- Note how far a generation has read some journals.
-- $1 read model  $2 generation  $3 journal_ids  $4 positions
INSERT INTO checkpoints (journal_id, read_model, generation, position)
SELECT m.journal_id, $1, $2, m.position FROM unnest($3::uuid[], $4::bigint[]) AS m (journal_id, position)
ON CONFLICT (journal_id, read_model, generation) DO UPDATE SET position = excluded.position
