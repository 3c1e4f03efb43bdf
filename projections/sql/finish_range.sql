-- Note that a range of journals is folded.
-- $1 read model  $2 number
UPDATE rebuild_ranges SET done = true WHERE read_model = $1 AND number = $2
