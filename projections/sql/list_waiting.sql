-- The messages that have waited longest.
-- $1 message_ids to leave out  $2 how many
SELECT journal_id, message_id FROM outbox
WHERE expires_at > now() AND message_id <> ALL ($1::uuid[])
ORDER BY posted_at, message_id
LIMIT $2
