-- A link, found by its id alone, with the entry that it leads to as it is now; no row where there is no such link.
-- $1 share_id
SELECT CASE WHEN h.stale THEN ARRAY[h.journal_id] END AS stale_journals, s.journal_id, s.expires_at,
       s.revoked_since IS NOT NULL AS revoked, cardinality(s.opened) AS opens, b.deleted OR e.deleted AS deleted,
       e.amount_minor, e.kind, b.currency, e.occurred_on, e.memo, c.name AS category_name
FROM shares s
JOIN heads h ON h.journal_id = s.journal_id
LEFT JOIN books b ON b.journal_id = s.journal_id
LEFT JOIN LATERAL ( -- the latest version is the current one
    SELECT * FROM entries e WHERE e.journal_id = s.journal_id AND e.entry_id = s.entry_id ORDER BY e.version DESC LIMIT 1
) AS e ON true
LEFT JOIN categories c ON c.journal_id = s.journal_id AND c.category_id = e.category_id
WHERE s.share_id = $1
