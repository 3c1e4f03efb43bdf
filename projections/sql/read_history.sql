-- A stream of a book up to a moment and a version, with who did it, for a member of today.
-- At least one row where the book exists.
-- categories: those of the book as they are now, [name, kind, deleted] by id.
-- $1 user_id  $2 journal_id  $3 stream_id  $4 position (null: by time, or all)  $5 time  $6 version
WITH book AS MATERIALIZED (
    SELECT h.journal_id, h.stale, m.role, b.currency,
           CASE WHEN $4::bigint IS NOT NULL THEN $4
                WHEN $5::timestamptz IS NOT NULL THEN position_at(h.journal_id, $5)
                ELSE h.position END AS until,
           (SELECT jsonb_object_agg(c.category_id, jsonb_build_array(c.name, c.kind, c.deleted))
            FROM categories c WHERE c.journal_id = h.journal_id)::text AS categories
    FROM heads h
    LEFT JOIN members m ON m.journal_id = h.journal_id AND m.user_id = $1
    LEFT JOIN books b ON b.journal_id = h.journal_id
    WHERE h.journal_id = $2 AND h.kind = 'book'
), told AS MATERIALIZED (
    SELECT e.*, nullif(convert_from(e.state, 'UTF8')::jsonb ->> 'actor', 'system')::uuid AS actor_id
    FROM book JOIN events e
        ON e.journal_id = book.journal_id AND e.stream_id = $3 AND e.version <= $6 AND e.position <= book.until
    WHERE book.role IS NOT NULL
)
SELECT array_remove(CASE WHEN book.stale THEN ARRAY[book.journal_id] END
                    || (SELECT array_agg(DISTINCT h.journal_id) FROM told JOIN heads h ON h.journal_id = told.actor_id
                        WHERE h.stale), NULL) AS stale_journals,
       book.role, book.until, book.currency, book.categories,
       told.journal_id, told.position, told.stream_id, told.version, told.topic, told.state, told.recorded_at,
       k.wrapped_key, u.name AS actor_name
FROM book
LEFT JOIN told ON true
LEFT JOIN journal_keys k ON k.journal_id = told.journal_id
LEFT JOIN users u ON u.journal_id = told.actor_id
ORDER BY told.version
