-- Write the memberships of some books.
-- $1 journal_ids  $2 user_ids  $3 roles  $4 joined_at
INSERT INTO members (journal_id, user_id, role, joined_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[])
ON CONFLICT (journal_id, user_id) DO UPDATE SET role = excluded.role, joined_at = excluded.joined_at
