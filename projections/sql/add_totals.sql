-- Add to sums.
-- $1 journal_ids  $2 grains  $3 starts_on  $4 category_ids  $5 member_ids  $6 income  $7 expense  $8 transferred
-- $9 entry counts; sums and counts may be negative, and come as text: the driver is slow to take a numeric apart
INSERT INTO totals AS t (journal_id, grain, starts_on, category_id, member_id,
                         income_minor, expense_minor, transferred_minor, entry_count)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::date[], $4::uuid[], $5::uuid[],
                     $6::text[]::numeric[], $7::text[]::numeric[], $8::text[]::numeric[], $9::text[]::bigint[])
ON CONFLICT (journal_id, grain, starts_on, category_id, member_id) DO UPDATE SET
    income_minor = t.income_minor + excluded.income_minor,
    expense_minor = t.expense_minor + excluded.expense_minor,
    transferred_minor = t.transferred_minor + excluded.transferred_minor,
    entry_count = t.entry_count + excluded.entry_count
