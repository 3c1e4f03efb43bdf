-- The last event of each of several streams of a journal, where they have any; its state only where it is of some kinds.
-- $1 journal_id  $2 stream_ids  $3 topics of those kinds
SELECT $1::uuid AS journal_id, e.position, s.stream_id, e.version, e.topic, e.recorded_at,
       CASE WHEN e.topic = ANY ($3::text[]) THEN e.state END AS state
FROM unnest($2::uuid[]) AS s (stream_id)
CROSS JOIN LATERAL (
    SELECT * FROM events e WHERE e.journal_id = $1 AND e.stream_id = s.stream_id ORDER BY e.version DESC LIMIT 1
) AS e
