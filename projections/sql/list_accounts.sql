-- The users in the order of their ids, which is that of their sign-ups; of the erased ones the id alone.
-- $1 after (journal_id, exclusive)  $2 how many
SELECT (array_agg(h.journal_id) FILTER (WHERE h.stale) OVER ()) AS stale_journals, h.journal_id, u.email, u.name
FROM (SELECT * FROM heads WHERE kind = 'user' AND journal_id > $1 ORDER BY journal_id LIMIT $2) AS h
LEFT JOIN users u ON u.journal_id = h.journal_id
ORDER BY h.journal_id
