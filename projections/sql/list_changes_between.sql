-- The entries of a book that changed between two positions of its journal, in the order of their first change; for each a row
-- as it was at the first position and one as it was at the second, but for those not there or deleted then. A row without
-- entry_id where neither is shown; at least one where the book exists, without changed_at where nothing changed.
-- Shown is the JSON of ledger/views.py, to the letter, but for the category, whose name is not known here: what stands before
-- it and what after it. All of it as text costs the driver and the view a tenth of columns.
-- $1 journal_id  $2 $3 positions: after the first, up to the second  $4 how many entries  $5 currency  $6 its minor unit (0.01)
WITH changed AS MATERIALIZED (
    SELECT v.stream_id AS entry_id, min(v.position) AS position FROM events v
    WHERE v.journal_id = $1 AND v.position > $2 AND v.position <= $3 AND v.topic LIKE 'entry.%'
    GROUP BY v.stream_id ORDER BY 2 LIMIT $4
)
SELECT CASE WHEN h.stale THEN ARRAY[h.journal_id] END AS stale_journals, c.position AS changed_at, e.*
FROM heads h
LEFT JOIN changed c ON true
LEFT JOIN LATERAL (
    SELECT e.entry_id, e.since > $2 AS later, e.kind, e.amount_minor, e.category_id::text,
           concat('{"id":"', e.entry_id, '","book_id":"', e.journal_id,
                  '","kind":"', CASE WHEN e.transfer_id IS NULL THEN e.kind ELSE 'transfer' END,
                  '","amount":"', e.amount_minor * $6::numeric, '","currency":"', $5::text,
                  '","occurred_on":', to_json(least(greatest(e.occurred_on, '0001-01-01'), '9999-12-31')),
                  ',"category":') AS before_category,
           concat(',"memo":', coalesce(to_json(e.memo), 'null'), ',"tags":', coalesce(array_to_json(e.tags), 'null'),
                  ',"copied_from":', coalesce('"' || e.copied_from || '"', 'null'),
                  ',"batch_id":', coalesce('"' || e.batch_id || '"', 'null'),
                  ',"deleted":false,"created_by":', coalesce('"' || e.created_by || '"', 'null'),
                  ',"created_at":"', instant_shown(e.created_at),
                  '","updated_at":"', instant_shown(e.updated_at),
                  '","version":', e.version,
                  CASE WHEN e.transfer_id IS NOT NULL THEN
                      concat(',"transfer":{"id":"', e.transfer_id,
                             '","direction":"', CASE e.kind WHEN 'transfer_out' THEN 'out' ELSE 'in' END,
                             '","book_id":"', e.other_book_id, '","entry_id":"', e.other_entry_id, '"}')
                  END, '}') AS after_category
    FROM entries e
    WHERE e.journal_id = $1 AND e.entry_id = c.entry_id AND NOT e.deleted
      AND (e.since <= $2 AND e.until > $2 OR e.since <= $3 AND (e.until IS NULL OR e.until > $3))
) AS e ON true
WHERE h.journal_id = $1 AND h.kind = 'book'
ORDER BY c.position, e.later
