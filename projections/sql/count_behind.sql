-- How many events a generation has not read of some journals that it has not stopped in.
-- $1 read model  $2 generation  $3 kind of journals  $4 journal_ids
SELECT coalesce(sum(j.position - coalesce(c.position, 0)), 0)::bigint
FROM journals j
LEFT JOIN checkpoints c ON c.journal_id = j.journal_id AND c.read_model = $1 AND c.generation = $2
WHERE j.kind = $3 AND j.journal_id = ANY ($4)
    AND NOT EXISTS (SELECT FROM rebuild_poisoned s WHERE s.journal_id = j.journal_id AND s.read_model = $1 AND s.generation = $2)
