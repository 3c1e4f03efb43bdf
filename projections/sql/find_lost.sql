-- The journals in which a generation that is being built stopped before what the live one has read.
-- $1 read model  $2 live generation  $3 the other
SELECT s.journal_id, l.position AS live, s.position - 1 AS rebuilt
FROM rebuild_poisoned s
JOIN checkpoints l ON l.journal_id = s.journal_id AND l.read_model = s.read_model AND l.generation = $2
WHERE s.read_model = $1 AND s.generation = $3 AND l.position >= s.position
ORDER BY s.journal_id
