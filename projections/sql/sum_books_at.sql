-- The sums of some books over the entries that were live at a position of each; no row where there were none.
-- OFFSET 0: each book is looked up by itself, or the planner reads the entries of all books that there are.
-- $1 journal_ids  $2 positions
SELECT b.journal_id,
       coalesce(sum(e.amount_minor) FILTER (WHERE e.kind = 'income'), 0) AS income_minor,
       coalesce(sum(e.amount_minor) FILTER (WHERE e.kind = 'expense'), 0) AS expense_minor,
       coalesce(sum(e.amount_minor) FILTER (WHERE e.kind = 'transfer_in'), 0)
           - coalesce(sum(e.amount_minor) FILTER (WHERE e.kind = 'transfer_out'), 0) AS transferred_minor,
       count(*) AS entry_count
FROM unnest($1::uuid[], $2::bigint[]) AS b (journal_id, until)
CROSS JOIN LATERAL (
    SELECT e.kind, e.amount_minor FROM entries e
    WHERE e.journal_id = b.journal_id AND e.since <= b.until AND (e.until IS NULL OR e.until > b.until) AND NOT e.deleted
    OFFSET 0
) AS e
GROUP BY b.journal_id
