-- The stream of a book up to a moment, for a member of today; at least one row where the book exists.
-- until, until_at: how far its journal had come then, and when it came there; 0 and null before it began.
-- $1 user_id  $2 journal_id  $3 position (null: by time)  $4 time (null too: now)
WITH book AS MATERIALIZED (
    SELECT h.journal_id, h.stale, m.role,
           CASE WHEN $3::bigint IS NOT NULL THEN least($3, h.position)
                WHEN $4::timestamptz IS NOT NULL THEN position_at(h.journal_id, $4)
                ELSE h.position END AS until
    FROM heads h LEFT JOIN members m ON m.journal_id = h.journal_id AND m.user_id = $1
    WHERE h.journal_id = $2 AND h.kind = 'book'
)
SELECT CASE WHEN book.stale THEN ARRAY[book.journal_id] END AS stale_journals, book.role, book.until,
       (SELECT last.recorded_at FROM events last WHERE last.journal_id = book.journal_id AND last.position = book.until)
           AS until_at,
       e.journal_id, e.position, e.stream_id, e.version, e.topic, e.state, e.recorded_at, k.wrapped_key
FROM book
LEFT JOIN events e
    ON e.journal_id = book.journal_id AND e.stream_id = book.journal_id AND e.position <= book.until AND book.role IS NOT NULL
LEFT JOIN journal_keys k ON k.journal_id = e.journal_id
ORDER BY e.version
