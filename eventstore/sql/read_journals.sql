-- The events of several journals after a position each, in the order of journal and position.
-- Lateral, so that each journal is read from its position on, whatever the planner believes of the table.
-- $1 journal_ids, ascending  $2 after (position, exclusive) of each  $3 how many at most
SELECT e.journal_id, e.position, e.stream_id, e.version, e.topic, e.state, e.recorded_at, k.wrapped_key,
       k.wrapped_key IS NULL AND EXISTS (
           SELECT FROM events x WHERE x.journal_id = e.journal_id AND x.topic IN ('user.erased', 'book.erased')
       ) AS erased
FROM unnest($1::uuid[], $2::bigint[]) AS j (journal_id, after)
CROSS JOIN LATERAL (
    SELECT * FROM events e WHERE e.journal_id = j.journal_id AND e.position > j.after ORDER BY e.position LIMIT $3
) AS e
LEFT JOIN journal_keys k ON k.journal_id = j.journal_id
ORDER BY e.journal_id, e.position
LIMIT $3
