-- Have a generation read from now on.
-- $1 read model  $2 generation  $3 version of the code
UPDATE read_models SET generation = $2, version = $3 WHERE name = $1
