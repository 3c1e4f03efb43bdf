-- Entries of a book, earliest day first, equal ones by id; at least one row where the book exists. Ids come as text, ready to show.
-- Two walks along the index: those with the key of the last entry shown, and those after it. Neither reads more than $15 rows;
-- one that ends there for that reason ends in a row that is marked `cut`: an index of what is sought then fills the page.
-- $1 user_id  $2 journal_id  $3 how many  $4 $5 after (key and entry_id, exclusive; null: from the start)  $6 deleted, each
-- $7 $8 days  $9 kinds  $10 category_ids  $11 folded tag  $12 folded part  $13 $14 amounts  $15 how many rows to walk
WITH book AS MATERIALIZED ( -- once, not once per entry
    SELECT * FROM book_of_entries($1, $2, $12, $13, $14)
)
SELECT book.stale_journals, book.role, book.currency, p.cut,
       p.entry_id::text, p.journal_id::text, p.kind, p.amount_minor, p.occurred_on, p.category_id::text, p.memo, p.tags,
       p.copied_from::text, p.batch_id::text, p.transfer_id::text, p.other_book_id::text, p.other_entry_id::text,
       p.deleted, p.created_by::text, p.created_at, p.updated_at, p.version,
       c.name AS category_name, c.kind AS category_kind, c.deleted AS category_deleted
FROM book LEFT JOIN LATERAL (
    SELECT e.* FROM unnest($6::boolean[]) AS s (deleted)
    CROSS JOIN LATERAL (
        (SELECT * FROM (
            SELECT e.*, row_number() OVER (ORDER BY e.entry_id) = $15 AS cut,
                   entry_matches(e.occurred_on, e.amount_minor, e.kind, e.category_id, e.searched,
                                 $7, $8, book.minor_min, book.minor_max, $9, $10, $11, $12, book.named) AS found
            FROM entries e
            WHERE e.journal_id = $2 AND e.until IS NULL AND e.deleted = s.deleted
              AND e.occurred_on = $4 AND e.entry_id > $5
            ORDER BY e.entry_id LIMIT $15
        ) AS e WHERE e.found OR e.cut ORDER BY e.entry_id LIMIT $3)
        UNION ALL
        (SELECT * FROM (
            SELECT e.*, row_number() OVER (ORDER BY e.occurred_on, e.entry_id) = $15 AS cut,
                   entry_matches(e.occurred_on, e.amount_minor, e.kind, e.category_id, e.searched,
                                 $7, $8, book.minor_min, book.minor_max, $9, $10, $11, $12, book.named) AS found
            FROM entries e
            WHERE e.journal_id = $2 AND e.until IS NULL AND e.deleted = s.deleted
              AND e.occurred_on BETWEEN greatest($7, $4::date + 1) AND $8
              AND e.occurred_on IS DISTINCT FROM $4 -- the first day there is, the driver writes as -infinity: it has no day after
            ORDER BY e.occurred_on, e.entry_id LIMIT $15
        ) AS e WHERE e.found OR e.cut ORDER BY e.occurred_on, e.entry_id LIMIT $3)
    ) AS e
    WHERE book.role IS NOT NULL
    ORDER BY e.occurred_on, e.entry_id LIMIT $3
) AS p ON true
LEFT JOIN categories c ON c.journal_id = $2 AND c.category_id = p.category_id
ORDER BY p.occurred_on, p.entry_id
