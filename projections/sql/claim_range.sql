-- Claim a range of journals that nobody else folds, for this transaction; the largest first.
-- $1 read model
SELECT number, first_id, end_id FROM rebuild_ranges
WHERE read_model = $1 AND NOT done
ORDER BY events DESC, number
LIMIT 1
FOR UPDATE SKIP LOCKED
