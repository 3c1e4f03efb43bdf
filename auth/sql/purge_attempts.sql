-- Forget some of the attempts that have expired, and of those that do so first where there are too many.
-- A row per key forgotten. Rows that others are at work on are left for another time.
-- $1 how many may stay  $2 how many to forget at once
DELETE FROM throttle.attempts WHERE key IN (
    SELECT key FROM throttle.attempts
    WHERE expires_at <= greatest(clock_timestamp(), (
        SELECT expires_at FROM throttle.attempts ORDER BY expires_at DESC OFFSET $1::bigint LIMIT 1))
    ORDER BY expires_at LIMIT $2::bigint FOR UPDATE SKIP LOCKED
)
RETURNING key
