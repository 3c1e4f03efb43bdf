-- The read models: how large they are (rows are an estimate), how far behind, in how many journals they stopped, and
-- what is being rebuilt of them.
-- $1 names  $2 of each, its tables joined by commas
WITH known AS (
    SELECT r.*, u.tables FROM read_models r JOIN unnest($1::text[], $2::text[]) AS u (name, tables) USING (name)
), behind AS (
    SELECT r.name, count(*) AS journals, sum(j.position - coalesce(c.position, 0))::bigint AS events,
           extract(epoch FROM now() - min(j.recorded_at))::float8 AS seconds
    FROM known r JOIN journals j USING (kind)
    LEFT JOIN checkpoints c ON c.journal_id = j.journal_id AND c.read_model = r.name AND c.generation = r.generation
    WHERE c.position IS NULL OR c.position < j.position
    GROUP BY r.name
)
SELECT r.name, r.version, r.generation, b.state, b.wanted, b.generation AS rebuilt_generation,
       coalesce(s.rows, 0) AS rows, coalesce(s.bytes, 0) AS bytes, coalesce(l.journals, 0) AS journals_behind,
       coalesce(l.events, 0) AS lag_events, coalesce(l.seconds, 0) AS lag_seconds,
       (SELECT count(*) FROM poisoned p WHERE p.read_model = r.name) AS poisoned
FROM known r
LEFT JOIN behind l USING (name)
LEFT JOIN rebuilds b ON b.read_model = r.name AND b.state NOT IN ('done', 'cancelled')
LEFT JOIN LATERAL (
    SELECT sum(greatest(c.reltuples, 0))::bigint AS rows, sum(pg_total_relation_size(c.oid))::bigint AS bytes
    FROM pg_class c WHERE c.relnamespace = 'readmodels'::regnamespace AND c.relname = ANY (string_to_array(r.tables, ','))
) AS s ON true
ORDER BY r.name
