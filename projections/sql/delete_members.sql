-- Take out who left or was removed.
-- $1 journal_ids  $2 user_ids
DELETE FROM members m USING unnest($1::uuid[], $2::uuid[]) AS gone (journal_id, user_id)
WHERE m.journal_id = gone.journal_id AND m.user_id = gone.user_id
