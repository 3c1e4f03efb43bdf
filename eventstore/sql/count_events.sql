-- How many journals there are of those between two ids, and how many events they have.
-- $1 journal_id_min  $2 journal_id_max, both inclusive
SELECT count(*) AS journals, coalesce(sum(j.position), 0)::bigint AS events
FROM journals j
WHERE j.journal_id BETWEEN $1 AND $2
