-- The sessions of a user that have not ended, latest first; at least one row where the user exists.
-- $1 journal_id
SELECT CASE WHEN h.stale THEN ARRAY[h.journal_id] END AS stale_journals, s.*
FROM heads h
LEFT JOIN sessions s ON s.journal_id = h.journal_id AND NOT s.ended
WHERE h.journal_id = $1 AND h.kind = 'user'
ORDER BY s.last_seen_at DESC, s.session_id DESC
