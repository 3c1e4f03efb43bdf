-- Write the rows of some sessions.
-- $1… the columns, in the order of the table
INSERT INTO sessions
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::boolean[])
ON CONFLICT (journal_id, session_id) DO UPDATE SET
    user_agent = excluded.user_agent, ip = excluded.ip, last_seen_at = excluded.last_seen_at, ended = excluded.ended
