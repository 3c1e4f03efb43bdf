-- Add to sums.
-- $1 journal_ids  $2 grains  $3 starts_on  $4 category_ids  $5 income  $6 expense  $7 entry counts, all may be negative
INSERT INTO totals AS t (journal_id, grain, starts_on, category_id, income_minor, expense_minor, entry_count)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::date[], $4::uuid[], $5::numeric[], $6::numeric[], $7::bigint[])
ON CONFLICT (journal_id, grain, starts_on, category_id) DO UPDATE SET
    income_minor = t.income_minor + excluded.income_minor,
    expense_minor = t.expense_minor + excluded.expense_minor,
    entry_count = t.entry_count + excluded.entry_count
