-- All events of the streams that begin at positions of a journal, stream by stream, each oldest first.
-- $1 journal_id  $2 position_min  $3 position_max, both inclusive
SELECT e.journal_id, e.position, e.stream_id, e.version, e.topic, e.state, e.recorded_at
FROM events b
CROSS JOIN LATERAL (
    SELECT * FROM events e WHERE e.journal_id = b.journal_id AND e.stream_id = b.stream_id ORDER BY e.version
) AS e
WHERE b.journal_id = $1 AND b.position BETWEEN $2 AND $3 AND b.version = 1
ORDER BY b.position, e.version
