-- The entries of a book that changed between two positions of its journal, and what the changes come to; one row where the
-- book exists. Each list is what a JSON array holds (UTF-8; null: nothing), in the order of the entries' first change, which is
-- that of `changed`; a deleted entry counts as not there, and whoever is there at both positions has changed in between.
-- An entry is shown as ledger/views.py shows it, to the letter: to show a thousand costs more than to find them, and here least.
-- $1 journal_id  $2 $3 positions: after the first, up to the second  $4 how many entries  $5 currency  $6 its minor unit (0.01)
-- $7 category_ids  $8 $9 the same categories as they are shown at the first and at the second position: JSON
WITH changed AS MATERIALIZED (
    SELECT v.stream_id AS entry_id, min(v.position) AS position FROM events v
    WHERE v.journal_id = $1 AND v.position > $2 AND v.position <= $3 AND v.topic LIKE 'entry.%'
    GROUP BY v.stream_id ORDER BY 2 LIMIT $4
)
SELECT CASE WHEN h.stale THEN ARRAY[h.journal_id] END AS stale_journals, changes.*
FROM heads h CROSS JOIN LATERAL (
    SELECT count(*) AS entry_count,
           convert_to(string_agg(e.became, ',') FILTER (WHERE e.was IS NULL), 'UTF8') AS added,
           convert_to(string_agg('{"before":' || e.was || ',"after":' || e.became || '}', ','), 'UTF8') AS changed,
           convert_to(string_agg(e.was, ',') FILTER (WHERE e.became IS NULL), 'UTF8') AS removed,
           coalesce(sum(e.income_minor), 0) AS income_minor, coalesce(sum(e.expense_minor), 0) AS expense_minor,
           coalesce(sum(e.received_minor), 0) - coalesce(sum(e.sent_minor), 0) AS transferred_minor
    FROM changed c CROSS JOIN LATERAL (
        SELECT max(e.shown) FILTER (WHERE NOT e.later) AS was, max(e.shown) FILTER (WHERE e.later) AS became,
               sum(e.more_minor) FILTER (WHERE e.kind = 'income') AS income_minor,
               sum(e.more_minor) FILTER (WHERE e.kind = 'expense') AS expense_minor,
               sum(e.more_minor) FILTER (WHERE e.kind = 'transfer_in') AS received_minor,
               sum(e.more_minor) FILTER (WHERE e.kind = 'transfer_out') AS sent_minor
        FROM (
            SELECT e.since > $2 AS later, e.kind, CASE WHEN e.since > $2 THEN e.amount_minor ELSE -e.amount_minor END AS more_minor,
                   concat('{"id":"', e.entry_id, '","book_id":"', e.journal_id,
                          '","kind":"', CASE WHEN e.transfer_id IS NULL THEN e.kind ELSE 'transfer' END,
                          '","amount":"', e.amount_minor * $6::numeric, '","currency":"', $5::text,
                          '","occurred_on":', to_json(least(greatest(e.occurred_on, '0001-01-01'), '9999-12-31')),
                          ',"category":', coalesce(
                              CASE WHEN e.since > $2 THEN ($9::text[])[array_position($7::uuid[], e.category_id)]
                                   ELSE ($8::text[])[array_position($7::uuid[], e.category_id)] END, 'null'),
                          ',"memo":', coalesce(to_json(e.memo), 'null'), ',"tags":', coalesce(array_to_json(e.tags), 'null'),
                          ',"copied_from":', coalesce('"' || e.copied_from || '"', 'null'),
                          ',"batch_id":', coalesce('"' || e.batch_id || '"', 'null'),
                          ',"deleted":false,"created_by":', coalesce('"' || e.created_by || '"', 'null'),
                          ',"created_at":"', instant_shown(e.created_at), '","updated_at":"', instant_shown(e.updated_at),
                          '","version":', e.version,
                          CASE WHEN e.transfer_id IS NOT NULL THEN
                              concat(',"transfer":{"id":"', e.transfer_id,
                                     '","direction":"', CASE e.kind WHEN 'transfer_out' THEN 'out' ELSE 'in' END,
                                     '","book_id":"', e.other_book_id, '","entry_id":"', e.other_entry_id, '"}')
                          END, '}') AS shown
            FROM entries e
            WHERE e.journal_id = $1 AND e.entry_id = c.entry_id AND NOT e.deleted
              AND (e.since <= $2 AND e.until > $2 OR e.since <= $3 AND (e.until IS NULL OR e.until > $3))
        ) AS e
    ) AS e
) AS changes
WHERE h.journal_id = $1 AND h.kind = 'book'
