-- Take an attempt that was let through as right: it counts for nothing, all failures of its first key are forgotten,
-- and where that is to be known, it is judged alone for a while. Rows are locked in the order of the keys, as ever.
-- $1 keys that it counted for  $2 seconds for which the first one is known; 0: not at all
WITH known AS (
    INSERT INTO throttle.known_addresses AS k (key, expires_at)
    SELECT ($1::uuid[])[1], clock_timestamp() + interval '1 second' * $2::float8 WHERE $2::float8 > 0
    ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at
    WHERE k.expires_at < excluded.expires_at - interval '1 day'     -- once a day is enough
), locked AS (
    SELECT key FROM throttle.attempts WHERE key = ANY ($1::uuid[]) ORDER BY key FOR UPDATE
)
UPDATE throttle.attempts a SET failures = CASE WHEN a.key = ($1::uuid[])[1] THEN 0 ELSE greatest(0, a.failures - 1) END
FROM locked l WHERE a.key = l.key
