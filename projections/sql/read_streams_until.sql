-- All events of several streams of a journal up to a position, stream by stream, each oldest first.
-- $1 journal_id  $2 stream_ids  $3 position, inclusive
SELECT e.journal_id, e.position, e.stream_id, e.version, e.topic, e.state, e.recorded_at, k.wrapped_key
FROM unnest($2::uuid[]) AS s (stream_id)
CROSS JOIN LATERAL (
    SELECT * FROM events e
    WHERE e.journal_id = $1 AND e.stream_id = s.stream_id AND e.position <= $3 ORDER BY e.version
) AS e
LEFT JOIN journal_keys k ON k.journal_id = e.journal_id
ORDER BY e.stream_id, e.version
