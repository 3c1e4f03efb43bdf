-- Which journals of a range both generations have read equally far, and which not.
-- $1 read model  $2 live generation  $3 the other  $4 first (journal_id)  $5 end (exclusive; null: none)
SELECT journal_id, l.position IS NOT DISTINCT FROM n.position AS equal
FROM (SELECT journal_id, position FROM checkpoints WHERE read_model = $1 AND generation = $2
      AND journal_id >= $4 AND ($5::uuid IS NULL OR journal_id < $5)) AS l
FULL JOIN (SELECT journal_id, position FROM checkpoints WHERE read_model = $1 AND generation = $3
           AND journal_id >= $4 AND ($5::uuid IS NULL OR journal_id < $5)) AS n USING (journal_id)
