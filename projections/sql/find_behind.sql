-- The next journals that a generation is behind in and has not stopped in, and how far it has read them.
-- $1 read model  $2 generation  $3 kind of journals  $4 after (journal_id, exclusive)  $5 how many at most
SELECT j.journal_id, coalesce(c.position, 0) AS position
FROM journals j
LEFT JOIN checkpoints c ON c.journal_id = j.journal_id AND c.read_model = $1 AND c.generation = $2
WHERE j.kind = $3 AND j.journal_id > $4 AND (c.position IS NULL OR c.position < j.position)
    AND NOT EXISTS (SELECT FROM rebuild_poisoned s WHERE s.journal_id = j.journal_id AND s.read_model = $1 AND s.generation = $2)
ORDER BY j.journal_id
LIMIT $5
