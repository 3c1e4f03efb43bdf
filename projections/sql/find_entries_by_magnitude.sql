-- A page of a list sorted by amount, from the index of terms: those of one magnitude after another until the page is full, or
-- all at once where no more than $26 samples match. Ids come as text.
-- What is needed to filter and sort goes through OFFSET 0, which leaves the planner no other index to choose; what is shown is
-- fetched afterwards, for the page alone.
-- $1 user_id  $2 journal_id  $3 how many  $4 sort  $5 $6 $7 $8 after (day, amount and time, of which the sort takes its own,
-- and entry_id, exclusive; null: from the start)  $9 deleted, each  $10 $11 days  $12 kinds  $13 category_ids  $14 folded tag
-- $15 folded part  $16 $17 amounts
-- $18 $19 terms of entries that match by their text: all, any  $20 terms of entries that match by the name of their category,
-- all of them; beside one that $21, the salt, gives it  $22 $23 $24 magnitudes from where the page begins: terms, least and most
-- amounts  $25 term of samples
WITH book AS MATERIALIZED (
    SELECT b.*, ARRAY(SELECT $21 # ('x' || right(id::text, 10))::bit(40)::bigint FROM unnest(b.named) AS id) AS named_terms,
           $26::bigint < (
               SELECT count(*) FROM (
                   SELECT FROM entries e WHERE e.terms @> ($18::bigint[] || $25::bigint) AND e.terms && $19
                   LIMIT $26 + 1) AS e) AS many
    FROM book_of_entries($1, $2, $15, $16, $17) AS b
),
pieces (terms, least, most) AS MATERIALIZED ( -- of the order, with the terms that bring their entries: all of it, or magnitudes
    SELECT '{}'::bigint[], 0, 9223372036854775807 FROM book WHERE NOT book.many
    UNION ALL
    SELECT ARRAY[m.term], m.least, m.most
    FROM book CROSS JOIN unnest($22::bigint[], $23::bigint[], $24::bigint[]) AS m (term, least, most)
    WHERE book.many AND m.most >= book.minor_min AND m.least <= least(book.minor_max, (
        SELECT max(largest.amount_minor) FROM unnest($9::boolean[]) AS s (deleted) CROSS JOIN LATERAL (
            SELECT e.amount_minor FROM entries e
            WHERE e.journal_id = $2 AND e.until IS NULL AND e.deleted = s.deleted
            ORDER BY e.amount_minor DESC, e.entry_id LIMIT 1) AS largest))
)
SELECT book.stale_journals, book.role, book.currency, false AS cut,
       p.entry_id::text, p.journal_id::text, p.kind, p.amount_minor, p.occurred_on, p.category_id::text, p.memo, p.tags,
       p.copied_from::text, p.batch_id::text, p.transfer_id::text, p.other_book_id::text, p.other_entry_id::text,
       p.deleted, p.created_by::text, p.created_at, p.updated_at, p.version,
       c.name AS category_name, c.kind AS category_kind, c.deleted AS category_deleted
FROM book LEFT JOIN LATERAL (
    SELECT e.* FROM pieces AS m CROSS JOIN LATERAL (
        SELECT e.entry_id, e.version, entry_key($4, e.occurred_on, e.amount_minor, e.created_at) AS key FROM (
            SELECT * FROM entries e
            WHERE e.terms @> ($18::bigint[] || m.terms) AND e.terms && $19
               OR e.terms @> ($20::bigint[] || m.terms) AND e.terms && book.named_terms
            OFFSET 0
        ) AS e
        WHERE e.journal_id = $2 AND e.deleted = ANY ($9) AND e.amount_minor BETWEEN m.least AND m.most
          AND entry_matches(e.occurred_on, e.amount_minor, e.kind, e.category_id, e.searched,
                            $10, $11, book.minor_min, book.minor_max, $12, $13, $14, $15, book.named)
          AND ($8::uuid IS NULL
               OR (entry_key($4, e.occurred_on, e.amount_minor, e.created_at), e.entry_id) > (entry_key($4, $5, $6, $7), $8))
        ORDER BY key, e.entry_id LIMIT $3
    ) AS e
    WHERE book.role IS NOT NULL
    LIMIT $3 -- without an order of its own, it ends at the piece that fills the page
) AS k ON true
LEFT JOIN entries p ON p.journal_id = $2 AND p.entry_id = k.entry_id AND p.version = k.version
LEFT JOIN categories c ON c.journal_id = $2 AND c.category_id = p.category_id
ORDER BY k.key, k.entry_id
