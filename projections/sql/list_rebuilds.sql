-- The last rebuild of each read model, and how far it has come.
SELECT b.read_model, b.generation, b.purpose, b.state, b.wanted, b.started_at, b.updated_at, b.report::text AS report,
       coalesce(sum(r.events) FILTER (WHERE r.done), 0)::bigint AS events_done, coalesce(sum(r.events), 0)::bigint AS events
FROM rebuilds b LEFT JOIN rebuild_ranges r USING (read_model)
GROUP BY b.read_model ORDER BY b.read_model
