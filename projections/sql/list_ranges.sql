-- The ranges of a rebuild, in the order of their journals.
-- $1 read model
SELECT number, first_id, end_id, journals FROM rebuild_ranges WHERE read_model = $1 ORDER BY number
