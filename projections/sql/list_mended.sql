-- The events at which a read model stopped and that a generation which is being built has taken; of how many (count).
-- $1 read model  $2 generation  $3 how many at most
SELECT p.journal_id::text AS journal_id, p.position, p.topic, p.reason, count(*) OVER () AS count
FROM poisoned p
JOIN checkpoints c ON c.journal_id = p.journal_id AND c.read_model = p.read_model AND c.generation = $2
WHERE p.read_model = $1 AND c.position >= p.position
ORDER BY p.journal_id
LIMIT $3
