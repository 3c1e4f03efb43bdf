-- Write users.
-- $1 journal_ids  $2 emails  $3 names
INSERT INTO users (journal_id, email, name)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[])
ON CONFLICT (journal_id) DO UPDATE SET email = excluded.email, name = excluded.name
