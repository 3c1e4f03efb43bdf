-- Whether somebody holds the lock of a read model's rebuild; to look takes no lock.
-- $1 number that is ours  $2 read model
SELECT EXISTS (
    SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database() AND l.objsubid = 2 -- of two numbers
      AND l.classid::bigint = $1::int AND l.objid::bigint = hashtext($2)::bigint & 4294967295
)
