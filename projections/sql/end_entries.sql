-- End versions of entries: others have replaced them.
-- $1 journal_ids  $2 entry_ids  $3 versions  $4 until (position)
UPDATE entries e SET until = u.until, terms = NULL
FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::bigint[]) AS u (journal_id, entry_id, version, until)
WHERE e.journal_id = u.journal_id AND e.entry_id = u.entry_id AND e.version = u.version
