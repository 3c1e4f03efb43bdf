-- The events of journals, in the order of journal and position.
-- $1 journal_id_min  $2 journal_id_max, both inclusive
SELECT e.journal_id, e.position, e.recorded_at, e.state, e.stream_id, e.topic, e.version
FROM events e
WHERE e.journal_id BETWEEN $1 AND $2
ORDER BY e.journal_id, e.position
