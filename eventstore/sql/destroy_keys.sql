-- Destroy the data keys of journals that are erased; of others none. Returns: the journals that had one until now.
-- $1 journal_ids
SELECT eventstore.destroy_keys($1) AS journal_id
