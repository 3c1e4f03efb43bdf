-- How far a journal has come; no row where there is none.
-- $1 journal_id
SELECT position FROM journals WHERE journal_id = $1
