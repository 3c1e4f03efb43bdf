-- Destroy the data keys of all erased journals, which a backup may have brought back. Returns: those that had one.
SELECT eventstore.destroy_keys((
    SELECT array_agg(DISTINCT e.journal_id) FROM eventstore.events e JOIN eventstore.journal_keys k USING (journal_id)
    WHERE e.topic IN ('user.erased', 'book.erased')
)) AS journal_id
