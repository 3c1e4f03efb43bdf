-- The schemas of generations that are not read, oldest first.
-- $1 read model
SELECT substring(n.nspname FROM '[0-9]+$')::int AS generation
FROM pg_namespace n
WHERE n.nspname ~ ('^generation_' || $1::text || '_[0-9]+$')
ORDER BY 1
