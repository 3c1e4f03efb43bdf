-- The links to an entry as the journal stood at a moment, latest first; at least one row where the book exists.
-- $1 user_id  $2 journal_id  $3 entry_id  $4 position (null: by time, or now)  $5 time
-- $6 $7 after (created_at and share_id, exclusive; null: from the start)  $8 how many
WITH book AS MATERIALIZED (
    SELECT h.journal_id, h.stale, m.role,
           CASE WHEN $4::bigint IS NOT NULL THEN $4
                WHEN $5::timestamptz IS NOT NULL THEN position_at(h.journal_id, $5)
                ELSE h.position END AS until
    FROM heads h LEFT JOIN members m ON m.journal_id = h.journal_id AND m.user_id = $1
    WHERE h.journal_id = $2 AND h.kind = 'book'
)
SELECT CASE WHEN book.stale THEN ARRAY[book.journal_id] END AS stale_journals, book.role, book.until,
       EXISTS (SELECT FROM entries e WHERE e.journal_id = $2 AND e.entry_id = $3 AND e.version = 1 AND e.since <= book.until)
           AS entry_exists,
       p.share_id, p.expires_at, p.created_at, p.opens, p.revoked
FROM book LEFT JOIN LATERAL (
    SELECT s.share_id, s.expires_at, s.created_at, coalesce(s.revoked_since <= book.until, false) AS revoked,
           width_bucket(book.until, s.opened) AS opens -- how many are not after it
    FROM shares s
    WHERE s.journal_id = $2 AND s.entry_id = $3 AND s.since <= book.until AND book.role IS NOT NULL
      AND s.created_at <= coalesce($6::timestamptz, 'infinity')
      AND ($7::uuid IS NULL OR s.created_at < $6 OR s.share_id > $7)
    ORDER BY s.created_at DESC, s.share_id LIMIT $8
) AS p ON true
ORDER BY p.created_at DESC, p.share_id
