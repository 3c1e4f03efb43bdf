-- All events of the journals of one kind in a range, in the order of journal and position.
-- $1 first (journal_id)  $2 end (exclusive; null: none)  $3 kind of journals
SELECT e.journal_id, e.position, e.stream_id, e.version, e.topic, e.state, e.recorded_at, k.wrapped_key
FROM journals j
CROSS JOIN LATERAL (SELECT * FROM events e WHERE e.journal_id = j.journal_id ORDER BY e.position) AS e
LEFT JOIN journal_keys k ON k.journal_id = j.journal_id
WHERE j.journal_id >= $1 AND ($2::uuid IS NULL OR j.journal_id < $2) AND j.kind = $3
ORDER BY j.journal_id, e.position
