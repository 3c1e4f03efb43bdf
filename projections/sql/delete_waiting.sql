-- Forget messages that wait no longer.
-- $1 journal_ids  $2 message_ids
DELETE FROM outbox o USING unnest($1::uuid[], $2::uuid[]) AS k (journal_id, message_id)
WHERE o.journal_id = k.journal_id AND o.message_id = k.message_id
