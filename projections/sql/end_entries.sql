-- End versions of entries: others have replaced them.
-- Lateral, so that each is found by its key, whatever the planner believes of the table.
-- $1 journal_ids  $2 entry_ids  $3 versions  $4 until (position)
UPDATE entries SET until = ended.until, terms = NULL
FROM (
    SELECT e.place, u.until FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::bigint[]) AS u (journal_id, entry_id, version, until)
    CROSS JOIN LATERAL (
        SELECT e.ctid AS place FROM entries e
        WHERE e.journal_id = u.journal_id AND e.entry_id = u.entry_id AND e.version = u.version OFFSET 0
    ) AS e
) AS ended
WHERE entries.ctid = ended.place
