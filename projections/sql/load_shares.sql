-- The rows of some links.
-- $1 journal_ids  $2 share_ids
SELECT s.journal_id, s.share_id, s.entry_id, s.expires_at, s.created_at, s.since, s.revoked_since, s.opened
FROM unnest($1::uuid[], $2::uuid[]) AS k (journal_id, share_id) JOIN shares s USING (journal_id, share_id)
