-- Begin a rebuild.
-- $1 read model  $2 generation  $3 version of the code  $4 statements that make the indexes  $5 purpose
INSERT INTO rebuilds (read_model, generation, version, purpose, state, wanted, indexes)
VALUES ($1, $2, $3, $5, 'filling', 'run', $4)
ON CONFLICT (read_model) DO UPDATE SET
    generation = excluded.generation, version = excluded.version, purpose = excluded.purpose, state = excluded.state,
    wanted = excluded.wanted, indexes = excluded.indexes, started_at = now(), updated_at = now(), report = NULL
