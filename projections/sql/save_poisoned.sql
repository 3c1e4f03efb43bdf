-- Note that a read model stopped at an event of a journal; one row, with how often it was tried there.
-- $1 journal_id  $2 read model  $3 position  $4 topic  $5 reason
INSERT INTO poisoned AS p (journal_id, read_model, position, topic, reason, since, attempts, retried_at)
VALUES ($1, $2, $3, $4, $5, now(), 1, now())
ON CONFLICT (journal_id, read_model) DO UPDATE SET
    position = excluded.position, topic = excluded.topic, reason = excluded.reason, retried_at = excluded.retried_at,
    since = CASE WHEN p.position = excluded.position THEN p.since ELSE excluded.since END,
    attempts = CASE WHEN p.position = excluded.position THEN p.attempts + 1 ELSE 1 END
RETURNING attempts
