-- One member of a book, by name; a row where the book exists.
-- $1 user_id  $2 journal_id  $3 user_id of the member
SELECT array_remove(ARRAY[CASE WHEN h.stale THEN h.journal_id END, CASE WHEN own.stale THEN own.journal_id END], NULL)
           AS stale_journals,
       reader.role AS reader_role, m.user_id, u.name, u.email, m.role, m.joined_at
FROM heads h
LEFT JOIN members reader ON reader.journal_id = h.journal_id AND reader.user_id = $1
LEFT JOIN members m ON m.journal_id = h.journal_id AND m.user_id = $3
LEFT JOIN heads own ON own.journal_id = m.user_id
LEFT JOIN users u ON u.journal_id = m.user_id
WHERE h.journal_id = $2 AND h.kind = 'book'
