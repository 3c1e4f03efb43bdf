-- Forget sessions whose last access tokens have expired.
-- $1 expires_at (exclusive)
DELETE FROM denylist WHERE expires_at < to_timestamp($1)
