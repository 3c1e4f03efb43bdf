-- Write the rows of some links.
-- $1… the columns, in the order of the table; $8 the openings of each row, joined by commas
INSERT INTO shares
SELECT u.a, u.b, u.c, u.d, u.e, u.f, u.g, string_to_array(u.h, ',')::bigint[]
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::bigint[], $7::bigint[], $8::text[])
    AS u (a, b, c, d, e, f, g, h)
ON CONFLICT (journal_id, share_id) DO UPDATE SET revoked_since = excluded.revoked_since, opened = excluded.opened
