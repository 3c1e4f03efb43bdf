-- The sessions and API tokens denied until after a time.
-- $1 expires_at (exclusive)
SELECT stream_id, extract(epoch FROM expires_at)::float8 AS expires_at FROM denylist WHERE expires_at > to_timestamp($1)
