-- Write the rows of some API tokens; of one that exists only what may change.
-- $1… the columns, in the order of the table
INSERT INTO api_tokens
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[],
                     $8::date[], $9::boolean[])
ON CONFLICT (journal_id, token_id) DO UPDATE SET last_used_on = excluded.last_used_on, revoked = excluded.revoked
