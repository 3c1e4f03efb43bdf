-- Let an attempt through or not; one row: the seconds to wait (0: let through), the keys that it counts for.
-- $1 keys  $2 free failures of each  $3 seconds in which one of each is forgotten  $4 the waits after those
SELECT wait_seconds, counted FROM throttle.admit($1, $2, $3, $4)
