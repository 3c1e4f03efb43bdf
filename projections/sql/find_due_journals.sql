-- The journals in which a read model stopped and is to be tried again by now.
SELECT DISTINCT journal_id FROM resting WHERE NOT resting
