-- The first day of a book's entries that were live at a position of its journal; null without any.
-- $1 journal_id  $2 position
SELECT min(e.occurred_on) AS first_day FROM entries e
WHERE e.journal_id = $1 AND e.since <= $2 AND (e.until IS NULL OR e.until > $2) AND NOT e.deleted
