-- Add what days have gained to their sums, and to those of their months and years.
-- $1 journal_ids  $2 days  $3 $4 the first days of their months and years  $5 category_ids  $6 member_ids  $7 income
-- $8 expense  $9 transferred  $10 entry counts; sums and counts may be negative, and come as text: the driver is slow to take
-- a numeric apart
INSERT INTO totals AS t (journal_id, grain, starts_on, category_id, member_id,
                         income_minor, expense_minor, transferred_minor, entry_count)
SELECT d.journal_id, g.grain, g.starts_on, g.category_id, g.member_id,
       sum(d.income_minor), sum(d.expense_minor), sum(d.transferred_minor), sum(d.entry_count)
FROM unnest($1::uuid[], $2::date[], $3::date[], $4::date[], $5::uuid[], $6::uuid[],
            $7::text[]::numeric[], $8::text[]::numeric[], $9::text[]::numeric[], $10::text[]::bigint[])
    AS d (journal_id, day, month, year, category_id, member_id, income_minor, expense_minor, transferred_minor, entry_count)
CROSS JOIN (SELECT '00000000-0000-0000-0000-000000000000'::uuid) AS n (nil)
CROSS JOIN LATERAL (VALUES
    ('day', d.day, d.category_id, d.member_id),
    ('month', d.month, d.category_id, d.member_id),
    ('year', d.year, d.category_id, d.member_id),
    ('whole_month', d.month, n.nil, n.nil)
) AS g (grain, starts_on, category_id, member_id)
GROUP BY d.journal_id, g.grain, g.starts_on, g.category_id, g.member_id
ON CONFLICT (journal_id, grain, starts_on, category_id, member_id) DO UPDATE SET
    income_minor = t.income_minor + excluded.income_minor,
    expense_minor = t.expense_minor + excluded.expense_minor,
    transferred_minor = t.transferred_minor + excluded.transferred_minor,
    entry_count = t.entry_count + excluded.entry_count
