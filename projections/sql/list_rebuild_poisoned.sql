-- Where a generation that is being built stopped, and in how many journals it did (count).
-- $1 read model  $2 generation  $3 how many at most
SELECT journal_id::text AS journal_id, position, topic, reason, count(*) OVER () AS count FROM rebuild_poisoned
WHERE read_model = $1 AND generation = $2
ORDER BY journal_id
LIMIT $3
