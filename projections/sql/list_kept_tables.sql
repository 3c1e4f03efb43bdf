-- The tables of a read model's generations that are not read.
-- $1 read model
SELECT format('%I.%I', n.nspname, c.relname) AS name
FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
WHERE n.nspname ~ ('^generation_' || $1::text || '_[0-9]+$') AND c.relkind = 'r'
