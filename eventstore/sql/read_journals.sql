-- The events of several journals after a position each, in the order of journal and position.
-- Lateral, so that each journal is found by its id, and read from its position on, whatever the planner believes of the tables;
-- of each no more than those before it leave room for, as positions are dense: what lies behind is not read again and again.
-- $1 journal_ids, ascending  $2 after (position, exclusive) of each  $3 how many at most  $4 none after so many bytes of state
SELECT journal_id, position, stream_id, version, topic, state, recorded_at, wrapped_key, erased
FROM (
    SELECT e.journal_id, e.position, e.stream_id, e.version, e.topic, e.state, e.recorded_at, j.wrapped_key,
           j.wrapped_key IS NULL AND EXISTS (
               SELECT FROM events x WHERE x.journal_id = e.journal_id AND x.topic IN ('user.erased', 'book.erased')
           ) AS erased,
           sum(octet_length(e.state)) OVER (
               ORDER BY e.journal_id, e.position ROWS UNBOUNDED PRECEDING) - octet_length(e.state) AS bytes_before
    FROM (
        SELECT a.journal_id, a.after, k.wrapped_key,
               greatest($3::int - coalesce(sum(h.position - a.after) OVER (
                   ORDER BY a.journal_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0), 0)::bigint AS room
        FROM unnest($1::uuid[], $2::bigint[]) AS a (journal_id, after)
        CROSS JOIN LATERAL (SELECT position FROM journals h WHERE h.journal_id = a.journal_id OFFSET 0) AS h
        LEFT JOIN LATERAL (SELECT wrapped_key FROM journal_keys k WHERE k.journal_id = a.journal_id OFFSET 0) AS k ON true
    ) AS j
    CROSS JOIN LATERAL (
        SELECT * FROM events e WHERE e.journal_id = j.journal_id AND e.position > j.after ORDER BY e.position LIMIT j.room
    ) AS e
    ORDER BY e.journal_id, e.position
    LIMIT $3
) AS e
WHERE bytes_before < $4
ORDER BY journal_id, position
