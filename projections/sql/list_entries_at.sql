-- A page of a book's entries, in any order, as they were at a position of its journal; at least one row where the book exists.
-- Reads every version that the book has had: the past has no indexes. Ids come as text, ready to show.
-- $1 journal_id  $2 position  $3 how many  $4 sort  $5 $6 $7 $8 after (day, amount and time, of which the sort takes its own,
-- and entry_id, exclusive; null: from the start)  $9 deleted, each  $10 $11 days  $12 kinds  $13 category_ids  $14 folded tag
-- $15 folded part  $16 $17 amounts in minor units  $18 categories whose name then held the part
SELECT CASE WHEN h.stale THEN ARRAY[h.journal_id] END AS stale_journals,
       p.entry_id::text, p.journal_id::text, p.kind, p.amount_minor, p.occurred_on, p.category_id::text, p.memo, p.tags,
       p.copied_from::text, p.batch_id::text, p.transfer_id::text, p.other_book_id::text, p.other_entry_id::text,
       p.deleted, p.created_by::text, p.created_at, p.updated_at, p.version
FROM heads h LEFT JOIN LATERAL (
    SELECT * FROM (
        SELECT e.entry_id, e.version, entry_key($4, e.occurred_on, e.amount_minor, e.created_at) AS key FROM entries e
        WHERE e.journal_id = $1 AND e.since <= $2 AND (e.until IS NULL OR e.until > $2) AND e.deleted = ANY ($9)
          AND entry_matches(e.occurred_on, e.amount_minor, e.kind, e.category_id, e.searched,
                            $10, $11, $16, $17, $12, $13, $14, $15, $18)
    ) AS e
    WHERE $8::uuid IS NULL OR (e.key, e.entry_id) > (entry_key($4, $5, $6, $7), $8)
    ORDER BY e.key, e.entry_id LIMIT $3
) AS k ON true
LEFT JOIN entries p ON p.journal_id = $1 AND p.entry_id = k.entry_id AND p.version = k.version
WHERE h.journal_id = $1 AND h.kind = 'book'
ORDER BY k.key, k.entry_id
