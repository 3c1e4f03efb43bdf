-- The last rebuild of a read model, and the generation that is read; a row in any case, if the read model is known.
-- $1 read model
SELECT r.generation AS live_generation, r.version AS live_version, b.generation, b.version, b.purpose, b.state, b.indexes
FROM read_models r LEFT JOIN rebuilds b ON b.read_model = r.name
WHERE r.name = $1
