-- A book's sums over a range of days, cut into pieces of whole years, months and single days; at least one row where it exists.
-- dated_until_minor: income less expense, and transfers, of everything dated up to the end of the range; what is dated
-- later is taken off the book's own sums, since ranges mostly end near the present.
-- OFFSET 0: each piece is looked up by itself, so that what is read does not grow with the days of the book.
-- The driver writes the first and the last day there is as -infinity and infinity, and so they are stored: a key that
-- is shown is brought back among the days.
-- $1 user_id  $2 journal_id  $3 $4 $5 grain, first and last day of each piece  $6 $7 $8 the same of what is dated later
-- $9 day, month, category, member or null
SELECT CASE WHEN h.stale THEN ARRAY[h.journal_id] END AS stale_journals, m.role,
       b.currency, b.opening_balance_minor, g.*,
       b.income_minor - b.expense_minor + b.transferred_minor - (
           SELECT coalesce(sum(t.income_minor - t.expense_minor + t.transferred_minor), 0)
           FROM unnest($6::text[], $7::date[], $8::date[]) AS p (grain, first, last)
           CROSS JOIN LATERAL (
               SELECT * FROM totals t
               WHERE t.journal_id = $2 AND t.grain = p.grain AND t.starts_on BETWEEN p.first AND p.last OFFSET 0
           ) AS t) AS dated_until_minor
FROM heads h
LEFT JOIN members m ON m.journal_id = h.journal_id AND m.user_id = $1
LEFT JOIN books b ON b.journal_id = h.journal_id
LEFT JOIN LATERAL (
    SELECT CASE $9 WHEN 'day' THEN least(greatest(t.starts_on, '0001-01-01'), '9999-12-31')::text
                   WHEN 'month' THEN to_char(least(greatest(t.starts_on, '0001-01-01'), '9999-12-31'), 'YYYY-MM')
                   WHEN 'category' THEN nullif(t.category_id, '00000000-0000-0000-0000-000000000000')::text
                   WHEN 'member' THEN nullif(t.member_id, '00000000-0000-0000-0000-000000000000')::text
           END AS key,
           sum(t.income_minor) AS income_minor, sum(t.expense_minor) AS expense_minor,
           sum(t.entry_count) AS entry_count
    FROM unnest($3::text[], $4::date[], $5::date[]) AS p (grain, first, last)
    CROSS JOIN LATERAL (
        SELECT * FROM totals t
        WHERE t.journal_id = $2 AND t.grain = p.grain AND t.starts_on BETWEEN p.first AND p.last OFFSET 0
    ) AS t
    WHERE m.role IS NOT NULL
    GROUP BY 1
) AS g ON true
WHERE h.journal_id = $2 AND h.kind = 'book'
ORDER BY g.key
