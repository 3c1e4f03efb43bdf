-- Note that a generation that is being built stopped at an event of a journal.
-- $1 read model  $2 generation  $3 journal_id  $4 position  $5 topic  $6 reason
INSERT INTO rebuild_poisoned (read_model, generation, journal_id, position, topic, reason) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (journal_id, read_model, generation) DO UPDATE SET
    position = excluded.position, topic = excluded.topic, reason = excluded.reason
