-- Who began some streams.
-- Lateral, so that each is found by its key, whatever the planner believes of the table.
-- $1 journal_ids  $2 stream_ids
SELECT e.journal_id, e.stream_id, nullif(convert_from(e.state, 'UTF8')::jsonb ->> 'actor', 'system')::uuid AS author_id
FROM unnest($1::uuid[], $2::uuid[]) AS k (journal_id, stream_id)
CROSS JOIN LATERAL (
    SELECT * FROM events e WHERE e.journal_id = k.journal_id AND e.stream_id = k.stream_id AND e.version = 1 OFFSET 0
) AS e
