-- The indexes of a schema's tables that enforce nothing, and the statements that make them.
-- $1 schema
SELECT c.relname AS name, pg_get_indexdef(i.indexrelid) AS definition
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = to_regnamespace($1) AND NOT i.indisunique
ORDER BY c.relname
