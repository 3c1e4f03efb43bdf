-- The events of several journals after a position each, in the order of journal and position.
-- $1 journal_ids  $2 after (position, exclusive) of each  $3 how many at most
SELECT e.journal_id, e.position, e.stream_id, e.version, e.topic, e.state, e.recorded_at, k.wrapped_key
FROM unnest($1::uuid[], $2::bigint[]) AS j (journal_id, after)
JOIN events e ON e.journal_id = j.journal_id AND e.position > j.after
LEFT JOIN journal_keys k ON k.journal_id = j.journal_id
ORDER BY e.journal_id, e.position
LIMIT $3
