-- The denied sessions and API tokens of a user; at least one row where the user exists.
-- $1 journal_id
SELECT CASE WHEN h.stale THEN ARRAY[h.journal_id] END AS stale_journals,
       d.stream_id, extract(epoch FROM d.expires_at)::float8 AS expires_at
FROM heads h LEFT JOIN denylist d USING (journal_id)
WHERE h.journal_id = $1 AND h.kind = 'user'
