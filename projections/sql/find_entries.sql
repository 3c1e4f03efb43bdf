-- A page of a list, in any order, from the index that is made for its filters: what a walk along the order did not reach.
-- Where `few days` have more than 1,000 entries, nothing of them is read, and a row marked `cut` says so.
-- Each index has a branch of its own, closed by OFFSET 0: which of them is read is for $18 to say, not for the planner. What
-- is needed to filter and sort goes through it; what is shown is fetched afterwards, for the page alone.
-- $1 user_id  $2 journal_id  $3 how many  $4 sort  $5 $6 $7 $8 after (day, amount and time, of which the sort takes its own,
-- and entry_id, exclusive; null: from the start)  $9 deleted, each  $10 $11 days  $12 kinds  $13 category_ids  $14 folded tag
-- $15 folded part  $16 $17 amounts  $18 terms, amounts, days, few days; or for a sort by amount categories, magnitudes: terms of
-- one magnitude after another until the page is full, or all at once where no more than $27 samples match by their text; or
-- names: the same by the text, and of those that match by the name of their category its largest or smallest  $19 $20 terms of
-- entries that match by their text: all, any  $21 terms of entries that match by the name of their category, all of them; beside
-- one that $22, the salt, gives it  $23 $24 $25 magnitudes from where the page begins: terms, least and most amounts
-- $26 term of samples
WITH book AS MATERIALIZED (
    SELECT b.*, CASE $18 WHEN 'categories' THEN $13::uuid[] WHEN 'names' THEN b.named END AS listed,
           CASE $18 WHEN 'names' THEN '{}'
                    ELSE ARRAY(SELECT $22 # ('x' || right(id::text, 10))::bit(40)::bigint FROM unnest(b.named) AS id)
           END AS named_terms,
           $18 = 'few days' AND 1000 < (
               SELECT count(*) FROM (
                   SELECT FROM entries e
                   WHERE e.journal_id = $2 AND e.until IS NULL AND e.deleted = ANY ($9) AND e.occurred_on BETWEEN $10 AND $11
                   LIMIT 1001) AS e) AS cut,
           $18 IN ('magnitudes', 'names') AND $27::bigint < (
               SELECT count(*) FROM (
                   SELECT FROM entries e WHERE e.terms @> ($19::bigint[] || $26::bigint) AND e.terms && $20
                   LIMIT $27 + 1) AS e) AS many
    FROM book_of_entries($1, $2, $15, $16, $17) AS b
)
SELECT book.stale_journals, book.role, book.currency, book.cut,
       p.entry_id::text, p.journal_id::text, p.kind, p.amount_minor, p.occurred_on, p.category_id::text, p.memo, p.tags,
       p.copied_from::text, p.batch_id::text, p.transfer_id::text, p.other_book_id::text, p.other_entry_id::text,
       p.deleted, p.created_by::text, p.created_at, p.updated_at, p.version,
       c.name AS category_name, c.kind AS category_kind, c.deleted AS category_deleted
FROM book LEFT JOIN LATERAL (
    SELECT * FROM (
        SELECT e.entry_id, e.version, entry_key($4, e.occurred_on, e.amount_minor, e.created_at) AS key FROM (
            (SELECT e.journal_id, e.entry_id, e.version, e.deleted, e.occurred_on, e.amount_minor, e.created_at, e.kind, e.until,
                    e.category_id, e.searched
             FROM entries e
             WHERE $18 IN ('terms', 'magnitudes', 'names') AND NOT book.many
               AND (e.terms @> $19 AND e.terms && $20 OR e.terms @> $21 AND e.terms && book.named_terms)
               AND ($18 <> 'names' OR e.category_id IS NULL OR e.category_id <> ALL (book.named)) -- else it came twice
             OFFSET 0)
            UNION ALL
            (SELECT e.* FROM unnest($23::bigint[], $24::bigint[], $25::bigint[]) AS m (term, least, most) CROSS JOIN LATERAL (
                SELECT e.journal_id, e.entry_id, e.version, e.deleted, e.occurred_on, e.amount_minor, e.created_at, e.kind,
                       e.until, e.category_id, e.searched
                FROM entries e
                WHERE (e.terms @> ($19::bigint[] || m.term) AND e.terms && $20
                       OR e.terms @> ($21::bigint[] || m.term) AND e.terms && book.named_terms)
                  AND e.amount_minor BETWEEN m.least AND m.most AND e.deleted = ANY ($9)
                  AND ($18 <> 'names' OR e.category_id IS NULL OR e.category_id <> ALL (book.named)) -- else it came twice
                  AND entry_matches(e.occurred_on, e.amount_minor, e.kind, e.category_id, e.searched,
                                    $10, $11, book.minor_min, book.minor_max, $12, $13, $14, $15, book.named)
                  AND ($8::uuid IS NULL
                       OR (entry_key($4, NULL, e.amount_minor, NULL), e.entry_id) > (entry_key($4, NULL, $6, NULL), $8))
                ORDER BY entry_key($4, NULL, e.amount_minor, NULL), e.entry_id LIMIT $3
             ) AS e
             WHERE book.many AND m.most >= book.minor_min AND m.least <= least(book.minor_max, (
                 SELECT max(largest.amount_minor) FROM unnest($9) AS s (deleted) CROSS JOIN LATERAL (
                     SELECT e.amount_minor FROM entries e
                     WHERE e.journal_id = $2 AND e.until IS NULL AND e.deleted = s.deleted
                     ORDER BY e.amount_minor DESC, e.entry_id LIMIT 1) AS largest))
             LIMIT $3) -- without an order of its own, it ends at the magnitude that fills the page
            UNION ALL
            (SELECT e.journal_id, e.entry_id, e.version, e.deleted, e.occurred_on, e.amount_minor, e.created_at, e.kind, e.until,
                    e.category_id, e.searched
             FROM entries e
             WHERE $18 = 'amounts' AND e.journal_id = $2 AND e.until IS NULL AND e.deleted = ANY ($9)
               AND e.amount_minor BETWEEN book.minor_min AND book.minor_max
             OFFSET 0)
            UNION ALL
            (SELECT e.journal_id, e.entry_id, e.version, e.deleted, e.occurred_on, e.amount_minor, e.created_at, e.kind, e.until,
                    e.category_id, e.searched
             FROM entries e
             WHERE $18 IN ('days', 'few days') AND NOT book.cut AND e.journal_id = $2 AND e.until IS NULL AND e.deleted = ANY ($9)
               AND e.occurred_on BETWEEN $10 AND $11
             OFFSET 0)
            UNION ALL
            (SELECT e.* FROM unnest(book.listed) AS c (category_id) CROSS JOIN unnest($9) AS s (deleted) CROSS JOIN LATERAL (
                SELECT e.journal_id, e.entry_id, e.version, e.deleted, e.occurred_on, e.amount_minor, e.created_at, e.kind,
                       e.until, e.category_id, e.searched
                FROM entries e
                WHERE $4 = 'amount' AND e.journal_id = $2 AND e.until IS NULL
                  AND e.deleted = s.deleted AND e.category_id = c.category_id
                  AND entry_matches(e.occurred_on, e.amount_minor, e.kind, e.category_id, e.searched,
                                    $10, $11, book.minor_min, book.minor_max, $12, $13, $14, $15, book.named)
                  AND +e.amount_minor >= coalesce($6::bigint, 0) AND ($8::uuid IS NULL OR e.amount_minor <> $6 OR e.entry_id > $8)
                ORDER BY +e.amount_minor, e.entry_id LIMIT $3
             ) AS e OFFSET 0)
            UNION ALL
            (SELECT e.* FROM unnest(book.listed) AS c (category_id) CROSS JOIN unnest($9) AS s (deleted) CROSS JOIN LATERAL (
                SELECT e.journal_id, e.entry_id, e.version, e.deleted, e.occurred_on, e.amount_minor, e.created_at, e.kind,
                       e.until, e.category_id, e.searched
                FROM entries e
                WHERE $4 = '-amount' AND e.journal_id = $2 AND e.until IS NULL
                  AND e.deleted = s.deleted AND e.category_id = c.category_id
                  AND entry_matches(e.occurred_on, e.amount_minor, e.kind, e.category_id, e.searched,
                                    $10, $11, book.minor_min, book.minor_max, $12, $13, $14, $15, book.named)
                  AND -e.amount_minor >= coalesce(-$6::bigint, -9223372036854775807) AND ($8::uuid IS NULL OR e.amount_minor <> $6 OR e.entry_id > $8)
                ORDER BY -e.amount_minor, e.entry_id LIMIT $3
             ) AS e OFFSET 0)
        ) AS e
        WHERE e.journal_id = $2 AND e.until IS NULL AND e.deleted = ANY ($9)
          AND entry_matches(e.occurred_on, e.amount_minor, e.kind, e.category_id, e.searched,
                            $10, $11, book.minor_min, book.minor_max, $12, $13, $14, $15, book.named)
    ) AS e
    WHERE book.role IS NOT NULL
      AND ($8::uuid IS NULL OR (e.key, e.entry_id) > (entry_key($4, $5, $6, $7), $8))
    ORDER BY e.key, e.entry_id LIMIT $3
) AS k ON true
LEFT JOIN entries p ON p.journal_id = $2 AND p.entry_id = k.entry_id AND p.version = k.version
LEFT JOIN categories c ON c.journal_id = $2 AND c.category_id = p.category_id
ORDER BY k.key, k.entry_id
