-- The current versions of some entries.
-- $1 journal_ids  $2 entry_ids
SELECT e.journal_id, e.entry_id, e.version, e.since, e.until, e.kind, e.amount_minor, e.occurred_on, e.category_id, e.memo,
       e.tags, e.copied_from, e.batch_id, e.transfer_id, e.other_book_id, e.other_entry_id, e.deleted, e.created_by,
       e.created_at, e.changed_by, e.updated_at
FROM unnest($1::uuid[], $2::uuid[]) AS k (journal_id, entry_id)
CROSS JOIN LATERAL ( -- the latest version is the current one
    SELECT * FROM entries e WHERE e.journal_id = k.journal_id AND e.entry_id = k.entry_id ORDER BY e.version DESC LIMIT 1
) AS e
