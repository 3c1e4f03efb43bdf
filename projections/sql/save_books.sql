-- Write the rows of some books.
-- $1… the columns, in the order of the table
INSERT INTO books AS b
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int[], $6::numeric[], $7::numeric[],
                     $8::numeric[], $9::bigint[], $10::boolean[], $11::timestamptz[], $12::timestamptz[], $13::int[])
ON CONFLICT (journal_id) DO UPDATE SET
    name = excluded.name, description = excluded.description,
    opening_balance_minor = excluded.opening_balance_minor, income_minor = excluded.income_minor,
    expense_minor = excluded.expense_minor, entry_count = excluded.entry_count, deleted = excluded.deleted,
    updated_at = excluded.updated_at, version = excluded.version
