-- Some users by their ids, each once, in that order.
-- $1 user_ids
SELECT (SELECT array_agg(h.journal_id) FROM heads h WHERE h.journal_id = ANY ($1) AND h.stale) AS stale_journals,
       k.user_id, u.name, u.email
FROM unnest($1::uuid[]) AS k (user_id) LEFT JOIN users u ON u.journal_id = k.user_id
