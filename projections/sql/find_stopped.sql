-- Those of some journals in which a read model has stopped at an event.
-- $1 read model  $2 journal_ids
SELECT journal_id FROM poisoned WHERE read_model = $1 AND journal_id = ANY ($2)
