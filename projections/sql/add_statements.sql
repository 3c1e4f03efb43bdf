-- Add to months.
-- $1 journal_ids  $2 months  $3 income  $4 expense  $5 transferred  $6 entry counts; sums and counts may be negative
INSERT INTO statements AS s (journal_id, month, income_minor, expense_minor, transferred_minor, entry_count)
SELECT * FROM unnest($1::uuid[], $2::date[], $3::numeric[], $4::numeric[], $5::numeric[], $6::bigint[])
ON CONFLICT (journal_id, month) DO UPDATE SET
    income_minor = s.income_minor + excluded.income_minor,
    expense_minor = s.expense_minor + excluded.expense_minor,
    transferred_minor = s.transferred_minor + excluded.transferred_minor,
    entry_count = s.entry_count + excluded.entry_count
