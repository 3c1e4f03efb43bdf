-- How far a stream goes: the version of its last event, null where there is none.
-- $1 journal_id  $2 stream_id
SELECT max(version) AS version FROM events WHERE journal_id = $1 AND stream_id = $2
