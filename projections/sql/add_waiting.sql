-- Add messages that wait, and tell whoever sends them.
-- $1 journal_ids  $2 message_ids  $3 posted_at  $4 expires_at
WITH added AS (
    INSERT INTO outbox (journal_id, message_id, posted_at, expires_at)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[])
    ON CONFLICT DO NOTHING
    RETURNING message_id
)
SELECT pg_notify('outbox', '') FROM added LIMIT 1
