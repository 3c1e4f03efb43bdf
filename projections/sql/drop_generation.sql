-- Forget how far a generation has read, and where it stopped.
-- $1 read model  $2 generation
WITH stops AS (DELETE FROM rebuild_poisoned WHERE read_model = $1 AND generation = $2)
DELETE FROM checkpoints WHERE read_model = $1 AND generation = $2
