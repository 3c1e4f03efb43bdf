-- Forget how far a generation has read.
-- $1 read model  $2 generation
DELETE FROM checkpoints WHERE read_model = $1 AND generation = $2
