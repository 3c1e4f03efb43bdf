-- Append further events to a journal, in the transaction of an append_events call on it; one row, of nothing.
-- $1 journal_id  $2…$5 stream, version, topic, state of each event
SELECT append_more($1, $2, $3, $4, $5)
