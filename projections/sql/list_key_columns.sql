-- The columns of a live table's key.
-- $1 table
SELECT a.attname AS name
FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indrelid = ('readmodels.' || $1::text)::regclass AND i.indisprimary
ORDER BY a.attnum
