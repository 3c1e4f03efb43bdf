-- All events of a stream, oldest first, with the journal's wrapped key.
-- $1 journal_id  $2 stream_id
SELECT e.journal_id, e.position, e.stream_id, e.version, e.topic, e.state, e.recorded_at, k.wrapped_key
FROM events e LEFT JOIN journal_keys k USING (journal_id)
WHERE e.journal_id = $1 AND e.stream_id = $2
ORDER BY e.version
