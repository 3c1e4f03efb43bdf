-- Add to what members recorded.
-- $1 journal_ids  $2 months  $3 member_ids  $4 income  $5 expense  $6 entry counts; sums and counts may be negative
INSERT INTO spending AS s (journal_id, month, member_id, income_minor, expense_minor, entry_count)
SELECT * FROM unnest($1::uuid[], $2::date[], $3::uuid[], $4::numeric[], $5::numeric[], $6::bigint[])
ON CONFLICT (journal_id, month, member_id) DO UPDATE SET
    income_minor = s.income_minor + excluded.income_minor,
    expense_minor = s.expense_minor + excluded.expense_minor,
    entry_count = s.entry_count + excluded.entry_count
