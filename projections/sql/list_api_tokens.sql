-- The API tokens of a user that can be used at a time, latest first; at least one row where the user exists.
-- $1 journal_id  $2 expires_at (exclusive)
SELECT CASE WHEN h.stale THEN ARRAY[h.journal_id] END AS stale_journals, t.*
FROM heads h
LEFT JOIN api_tokens t ON t.journal_id = h.journal_id AND NOT t.revoked AND t.expires_at > $2
WHERE h.journal_id = $1 AND h.kind = 'user'
ORDER BY t.token_id DESC
