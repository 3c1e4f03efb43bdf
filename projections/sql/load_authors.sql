-- Who began some streams.
-- $1 journal_ids  $2 stream_ids
SELECT e.journal_id, e.stream_id, nullif(convert_from(e.state, 'UTF8')::jsonb ->> 'actor', 'system')::uuid AS author_id
FROM unnest($1::uuid[], $2::uuid[]) AS k (journal_id, stream_id)
JOIN events e ON e.journal_id = k.journal_id AND e.stream_id = k.stream_id AND e.version = 1
