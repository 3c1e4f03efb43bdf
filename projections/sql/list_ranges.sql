-- The ranges of a rebuild, in the order of their journals.
-- $1 read model
SELECT first_id, end_id FROM rebuild_ranges WHERE read_model = $1 ORDER BY number
