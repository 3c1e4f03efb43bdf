-- Take out what was reopened.
-- $1 journal_ids  $2 through
DELETE FROM closings c USING unnest($1::uuid[], $2::date[]) AS gone (journal_id, through)
WHERE c.journal_id = gone.journal_id AND c.through = gone.through
