-- How many ranges of a rebuild are still to be folded.
-- $1 read model
SELECT count(*) FROM rebuild_ranges WHERE read_model = $1 AND NOT done
