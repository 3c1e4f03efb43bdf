-- Write the rows of some books.
-- $1… the columns, in the order of the table
INSERT INTO books AS b
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int[], $6::numeric[], $7::numeric[],
                     $8::numeric[], $9::numeric[], $10::bigint[], $11::date[], $12::boolean[], $13::timestamptz[],
                     $14::timestamptz[], $15::int[])
ON CONFLICT (journal_id) DO UPDATE SET
    name = excluded.name, description = excluded.description,
    opening_balance_minor = excluded.opening_balance_minor, income_minor = excluded.income_minor,
    expense_minor = excluded.expense_minor, transferred_minor = excluded.transferred_minor,
    entry_count = excluded.entry_count, closed_through = excluded.closed_through, deleted = excluded.deleted,
    updated_at = excluded.updated_at, version = excluded.version
