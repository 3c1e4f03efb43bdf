-- The rows of some entries.
-- $1 journal_ids  $2 entry_ids
SELECT e.journal_id, e.entry_id, e.kind, e.amount_minor, e.occurred_on, e.category_id, e.memo, e.tags, e.copied_from,
       e.deleted, e.created_by, e.created_at, e.updated_at, e.version
FROM unnest($1::uuid[], $2::uuid[]) AS k (journal_id, entry_id) JOIN entries e USING (journal_id, entry_id)
