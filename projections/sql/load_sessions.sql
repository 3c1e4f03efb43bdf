-- The rows of some sessions.
-- $1 journal_ids  $2 session_ids
SELECT s.journal_id, s.session_id, s.user_agent, s.ip, s.created_at, s.last_seen_at, s.ended
FROM unnest($1::uuid[], $2::uuid[]) AS k (journal_id, session_id) JOIN sessions s USING (journal_id, session_id)
