-- Forget what workers have forgotten by themselves.
-- $1 expires_at (exclusive)
DELETE FROM denylist WHERE expires_at < to_timestamp($1)
