-- Cut the journals of one kind into ranges of ids with about as many events each; a journal is never cut.
-- $1 read model  $2 kind of journals  $3 events per range
WITH cut AS (
    SELECT journal_id, position, (sum(position) OVER (ORDER BY journal_id) - position)::bigint / $3::bigint AS part
    FROM journals WHERE kind = $2
), parts AS (
    SELECT row_number() OVER (ORDER BY part) AS number, (array_agg(journal_id ORDER BY journal_id))[1] AS first_id,
           count(*) AS journals, sum(position) AS events
    FROM cut GROUP BY part
)
INSERT INTO rebuild_ranges (read_model, number, first_id, end_id, journals, events)
SELECT $1, number, first_id, lead(first_id) OVER (ORDER BY number), journals, events FROM parts
