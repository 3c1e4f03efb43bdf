-- Entries of categories, largest amount first, equal ones by id; at least one row where the book exists. Ids come as text.
-- Of each category, one walk along its index: it reads what is shown, unless other filters leave little of the category.
-- $1 user_id  $2 journal_id  $3 how many  $4 $5 after (amount and entry_id, exclusive; null: from the start)  $6 deleted, each
-- $7 $8 days  $9 kinds  $10 category_ids  $11 folded tag  $12 folded part  $13 $14 amounts
WITH book AS MATERIALIZED ( -- once, not once per entry
    SELECT * FROM book_of_entries($1, $2, $12, $13, $14)
)
SELECT book.stale_journals, book.role, book.currency, false AS cut,
       p.entry_id::text, p.journal_id::text, p.kind, p.amount_minor, p.occurred_on, p.category_id::text, p.memo, p.tags,
       p.copied_from::text, p.batch_id::text, p.transfer_id::text, p.other_book_id::text, p.other_entry_id::text,
       p.deleted, p.created_by::text, p.created_at, p.updated_at, p.version,
       c.name AS category_name, c.kind AS category_kind, c.deleted AS category_deleted
FROM book LEFT JOIN LATERAL (
    SELECT e.* FROM (SELECT DISTINCT unnest($10::uuid[])) AS c (category_id) CROSS JOIN unnest($6::boolean[]) AS s (deleted)
    CROSS JOIN LATERAL (
        SELECT * FROM entries e
        WHERE e.journal_id = $2 AND e.until IS NULL AND e.deleted = s.deleted AND e.category_id = c.category_id
          AND -e.amount_minor BETWEEN -least(book.minor_max, $4) AND -book.minor_min
          AND ($5::uuid IS NULL OR e.amount_minor <> $4 OR e.entry_id > $5)
          AND entry_matches(e.occurred_on, e.amount_minor, e.kind, e.category_id, e.searched,
                            $7, $8, book.minor_min, book.minor_max, $9, $10, $11, $12, book.named)
        ORDER BY -e.amount_minor, e.entry_id LIMIT $3
    ) AS e
    WHERE book.role IS NOT NULL
    ORDER BY e.amount_minor DESC, e.entry_id LIMIT $3
) AS p ON true
LEFT JOIN categories c ON c.journal_id = $2 AND c.category_id = p.category_id
ORDER BY p.amount_minor DESC, p.entry_id
