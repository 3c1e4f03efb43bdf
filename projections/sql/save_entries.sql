-- Write the rows of some entries.
-- $1… the columns, in the order below; $8 the tags of each row, joined by U+001F (null: erased)
INSERT INTO entries (journal_id, entry_id, kind, amount_minor, occurred_on, category_id, memo, tags, copied_from,
                     deleted, created_by, created_at, updated_at, version, searched)
SELECT u.a, u.b, u.c, u.d, u.e, u.f, u.g, string_to_array(u.h, E'\x1f'), u.i, u.j, u.k, u.l, u.m, u.n, u.o
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::date[], $6::uuid[], $7::text[], $8::text[],
            $9::uuid[], $10::boolean[], $11::uuid[], $12::timestamptz[], $13::timestamptz[], $14::int[], $15::text[])
    AS u (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o)
ON CONFLICT (journal_id, entry_id) DO UPDATE SET
    kind = excluded.kind, amount_minor = excluded.amount_minor, occurred_on = excluded.occurred_on,
    category_id = excluded.category_id, memo = excluded.memo, tags = excluded.tags, searched = excluded.searched,
    deleted = excluded.deleted, updated_at = excluded.updated_at, version = excluded.version
