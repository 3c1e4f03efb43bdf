-- All closings of some books.
-- $1 journal_ids
SELECT journal_id, through, closed_at, closed_by FROM closings WHERE journal_id = ANY ($1)
