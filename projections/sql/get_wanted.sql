-- What is wanted of a rebuild.
-- $1 read model
SELECT wanted FROM rebuilds WHERE read_model = $1
