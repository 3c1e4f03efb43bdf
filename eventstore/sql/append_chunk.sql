-- Append more events to one journal, in a transaction that has its head already; the columns of append_events.
-- $1 journal_id  $2…$5 stream, version, topic, state of each event  $6, $7 a stream and the version that it must have
SELECT * FROM append_events(
    array_fill(0, ARRAY[cardinality($2::uuid[])]), array_fill($1::uuid, ARRAY[cardinality($2::uuid[])]),
    $2::uuid[], $3::int[], $4::text[], $5::bytea[],
    ARRAY[0], ARRAY[$1::uuid], ARRAY[$6::uuid], ARRAY[$7::int],
    '{}', '{}', '{}', '{}'
)
