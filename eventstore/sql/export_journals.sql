-- Journals by their ids, with their kind, how many events each has, and its wrapped data key where it has one.
-- $1 journal_id_min  $2 journal_id_max, both inclusive
SELECT j.journal_id, j.kind, j.position, k.wrapped_key
FROM journals j LEFT JOIN journal_keys k USING (journal_id)
WHERE j.journal_id BETWEEN $1 AND $2
ORDER BY j.journal_id
