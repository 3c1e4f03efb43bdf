-- The functions of a schema, as ALTER FUNCTION names them, without the schema.
-- $1 schema
SELECT format('%I(%s)', p.proname, pg_get_function_identity_arguments(p.oid)) AS signature,
       to_regprocedure(format('readmodels.%I(%s)', p.proname, oidvectortypes(p.proargtypes))) IS NOT NULL AS replaces
FROM pg_proc p WHERE p.pronamespace = to_regnamespace($1) ORDER BY 1
