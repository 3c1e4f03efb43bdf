-- The throttle: how often somebody has guessed wrong lately, shared by all workers. No history: what is here may be
-- lost, and then at worst a few more guesses are free.
--
-- A key is a keyed hash of what is counted together (an account from one address, an account, an address), so that
-- the tables tell of nobody. Both are bounded: `Throttle.purge` forgets what has expired and what is too much.

CREATE SCHEMA throttle;

CREATE UNLOGGED TABLE throttle.attempts (
    key        uuid PRIMARY KEY,
    failures   float8 NOT NULL,         -- as of tried_at; they are forgotten bit by bit
    tried_at   timestamptz NOT NULL,    -- the last attempt that was let through
    expires_at timestamptz NOT NULL     -- when all failures are forgotten
) WITH (fillfactor = 50);               -- rewritten at every attempt
CREATE INDEX attempts_by_expiry ON throttle.attempts (expires_at);

-- Logged, unlike the other: an owner must not be locked out because the database crashed.
CREATE TABLE throttle.known_addresses (
    key        uuid PRIMARY KEY,        -- of an account from one address, from which it was signed in to
    expires_at timestamptz NOT NULL
);
CREATE INDEX known_addresses_by_expiry ON throttle.known_addresses (expires_at);

-- Let an attempt through or not; who is let through counts as having failed until told otherwise, so that however
-- many try at once, no more are let through than one after the other would be.
--
-- Why it is safe: the rows of all keys are locked before they are judged, in the order of the keys, so that those who
-- share some cannot deadlock. It relies on READ COMMITTED: the statements after that see what was committed meanwhile.
CREATE FUNCTION throttle.admit(
    keys uuid[],                -- the first is that of an account from an address: where it is known, the rest is idle
    free int[],                 -- failures of each key that nobody has to wait after
    forget_seconds float8[],    -- in which one failure of each is forgotten
    waits float8[],             -- seconds to wait after the last free failure, after the next, …
    OUT wait_seconds float8,    -- until the next attempt can be let through; 0: this one was
    OUT counted uuid[]          -- the keys that it counts for
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    at timestamptz := clock_timestamp();
BEGIN
    counted := CASE WHEN EXISTS (SELECT FROM throttle.known_addresses WHERE key = keys[1] AND expires_at > at)
                    THEN keys[1:1] ELSE keys END;
    -- Most of those who have to wait are told so without a lock and without a write.
    wait_seconds := throttle.wait_seconds(counted, free, waits, at);
    IF wait_seconds > 0 THEN
        RETURN;
    END IF;

    INSERT INTO throttle.attempts AS a (key, failures, tried_at, expires_at)
    SELECT k, 0, at, at FROM unnest(counted) AS k ORDER BY k
    ON CONFLICT (key) DO UPDATE SET key = a.key;

    at := clock_timestamp();
    wait_seconds := throttle.wait_seconds(counted, free, waits, at);
    IF wait_seconds > 0 THEN
        RETURN;
    END IF;

    UPDATE throttle.attempts a
    SET failures = n.failures, tried_at = at,
        expires_at = at + interval '1 second' * greatest(n.failures * n.forget_seconds,
                                                         throttle.wait_after(n.failures, n.free, waits))
    FROM (SELECT t.key, l.free, l.forget_seconds,
                 1 + greatest(0, t.failures - greatest(0, extract(epoch FROM at - t.tried_at)::float8)
                                              / l.forget_seconds) AS failures
          FROM unnest(counted, free, forget_seconds) AS l (key, free, forget_seconds)
          JOIN throttle.attempts t ON t.key = l.key) AS n
    WHERE a.key = n.key;
END $$;

-- The seconds to wait after so many failures; a failure is whole until all of it is forgotten.
CREATE FUNCTION throttle.wait_after(failures float8, free int, waits float8[]) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN ceil(failures) < free THEN 0 ELSE waits[least(ceil(failures)::int - free + 1, cardinality(waits))] END;

-- The seconds from a time until all of some keys may be tried again; 0 where they may now. A row may be younger than
-- the time, which was taken before the row was read: then nothing has passed, not less than nothing.
CREATE FUNCTION throttle.wait_seconds(keys uuid[], free int[], waits float8[], at timestamptz) RETURNS float8
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(max(greatest(0, throttle.wait_after(a.failures, l.free, waits)
                                    - greatest(0, extract(epoch FROM at - a.tried_at)::float8))), 0)
    FROM unnest(keys, free) AS l (key, free) JOIN throttle.attempts a ON a.key = l.key;
END;

GRANT USAGE ON SCHEMA throttle TO gagyebu_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA throttle TO gagyebu_service;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA throttle FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA throttle TO gagyebu_service;
