-- Keep a generation of a read model as it is in some journals, for this transaction; in the order in which catch-up
-- locks. Returns how far it has read each.
-- $1 read model  $2 generation  $3 journal_ids
SELECT journal_id, position FROM checkpoints
WHERE journal_id = ANY ($3) AND read_model = $1 AND generation = $2
ORDER BY journal_id FOR UPDATE
