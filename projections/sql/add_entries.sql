-- Add versions of entries; that one is there already cannot be: each event counts once.
-- $1…$21 the columns in the order below, $11 the tags of each joined by U+001F (null: erased)  $22 the texts to search
-- $23 the terms of each, as an array in text (null: none)
INSERT INTO entries (journal_id, entry_id, version, since, until, kind, amount_minor, occurred_on, category_id, memo, tags,
                     copied_from, batch_id, transfer_id, other_book_id, other_entry_id, deleted, created_by, created_at,
                     changed_by, updated_at, searched, terms)
SELECT u.a, u.b, u.c, u.d, u.e, u.f, u.g, u.h, u.i, u.j, string_to_array(u.k, E'\x1f'), u.l, u.m, u.n, u.o, u.p, u.q, u.r,
       u.s, u.t, u.u, u.v, u.w::bigint[]
FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::bigint[], $6::text[], $7::bigint[], $8::date[], $9::uuid[],
            $10::text[], $11::text[], $12::uuid[], $13::uuid[], $14::uuid[], $15::uuid[], $16::uuid[], $17::boolean[],
            $18::uuid[], $19::timestamptz[], $20::uuid[], $21::timestamptz[], $22::text[], $23::text[])
    AS u (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w)
