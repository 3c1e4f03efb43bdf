-- The entries of a book that changed between two positions of its journal, in the order of their first change; for each a row
-- as it was at the first position and one as it was at the second, without entry_id where there was none. Ids come as text.
-- At least one row where the book exists; without changed_id where nothing changed.
-- $1 journal_id  $2 $3 positions: after the first, up to the second  $4 how many entries
WITH changed AS MATERIALIZED (
    SELECT v.stream_id AS entry_id, min(v.position) AS position FROM events v
    WHERE v.journal_id = $1 AND v.position > $2 AND v.position <= $3 AND v.topic LIKE 'entry.%'
    GROUP BY v.stream_id ORDER BY 2 LIMIT $4
)
SELECT CASE WHEN h.stale THEN ARRAY[h.journal_id] END AS stale_journals, c.entry_id::text AS changed_id, c.later,
       e.entry_id::text, e.journal_id::text, e.kind, e.amount_minor, e.occurred_on, e.category_id::text, e.memo, e.tags,
       e.copied_from::text, e.batch_id::text, e.transfer_id::text, e.other_book_id::text, e.other_entry_id::text,
       e.deleted, e.created_by::text, e.created_at, e.updated_at, e.version
FROM heads h
LEFT JOIN (
    SELECT * FROM changed CROSS JOIN (VALUES (false, $2::bigint), (true, $3::bigint)) AS moments (later, moment)
) AS c ON true
LEFT JOIN LATERAL (
    SELECT * FROM entries e
    WHERE e.journal_id = $1 AND e.entry_id = c.entry_id AND e.since <= c.moment ORDER BY e.version DESC LIMIT 1
) AS e ON true
WHERE h.journal_id = $1 AND h.kind = 'book'
ORDER BY c.position, c.later
