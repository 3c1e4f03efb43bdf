-- Take an attempt that was let through as never made.
-- $1 keys that it counted for
WITH locked AS (
    SELECT key FROM throttle.attempts WHERE key = ANY ($1::uuid[]) ORDER BY key FOR UPDATE
)
UPDATE throttle.attempts a SET failures = greatest(0, a.failures - 1)
FROM locked l WHERE a.key = l.key
