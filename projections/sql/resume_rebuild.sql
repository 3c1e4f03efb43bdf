-- Go on with a rebuild, for what it is wanted now; where it stopped at events, it tries them again.
-- $1 read model  $2 generation  $3 purpose
WITH tried_again AS (DELETE FROM rebuild_poisoned WHERE read_model = $1 AND generation = $2)
UPDATE rebuilds SET wanted = 'run', purpose = $3 WHERE read_model = $1
