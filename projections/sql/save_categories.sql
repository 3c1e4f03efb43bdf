-- Write categories.
-- $1 journal_ids  $2 category_ids  $3 kinds  $4 names  $5 deleted  $6 folded names
INSERT INTO categories (journal_id, category_id, kind, name, deleted, folded_name)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::boolean[], $6::text[])
ON CONFLICT (journal_id, category_id) DO UPDATE SET
    name = excluded.name, deleted = excluded.deleted, folded_name = excluded.folded_name
