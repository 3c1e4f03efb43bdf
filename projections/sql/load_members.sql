-- All members of some books.
-- $1 journal_ids
SELECT journal_id, user_id, role, joined_at FROM members WHERE journal_id = ANY ($1)
