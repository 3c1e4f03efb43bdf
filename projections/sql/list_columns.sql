-- The columns of a live table, and which of them are its key.
-- $1 table
SELECT a.attname AS name, coalesce(a.attnum = ANY (i.indkey), false) AS in_key
FROM pg_attribute a
LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
WHERE a.attrelid = ('readmodels.' || $1::text)::regclass AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
