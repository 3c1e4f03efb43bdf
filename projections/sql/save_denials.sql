-- Deny sessions and API tokens, and tell every worker, unless it is long past, as where all is folded anew.
-- $1 journal_ids  $2 stream_ids  $3 expires_at
WITH denied AS (
    INSERT INTO denylist (journal_id, stream_id, expires_at)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[])
    ON CONFLICT DO NOTHING
    RETURNING stream_id, expires_at
)
SELECT pg_notify('denylist', stream_id || ' ' || extract(epoch FROM expires_at)) FROM denied
WHERE expires_at > now()
