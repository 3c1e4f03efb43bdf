-- Write closings; one through a day that was closed, reopened and closed again is a new one.
-- $1 journal_ids  $2 through  $3 closed_at  $4 closed_by
INSERT INTO closings (journal_id, through, closed_at, closed_by)
SELECT * FROM unnest($1::uuid[], $2::date[], $3::timestamptz[], $4::uuid[])
ON CONFLICT (journal_id, through) DO UPDATE SET closed_at = excluded.closed_at, closed_by = excluded.closed_by
