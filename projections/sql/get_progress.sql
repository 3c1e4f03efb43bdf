-- How far a rebuild has come.
-- $1 read model
SELECT coalesce(sum(events) FILTER (WHERE done), 0)::bigint AS events_done, coalesce(sum(events), 0)::bigint AS events,
       coalesce(sum(journals), 0)::bigint AS journals, count(*) FILTER (WHERE NOT done) AS ranges_left
FROM rebuild_ranges WHERE read_model = $1
