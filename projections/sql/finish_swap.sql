-- Have a generation read from now on. Where it stopped is where the read model has stopped from now on, and nowhere else.
-- $1 read model  $2 generation  $3 version of the code
WITH stops AS (
    DELETE FROM rebuild_poisoned WHERE read_model = $1 AND generation = $2 RETURNING journal_id, position, topic, reason
), well AS (
    DELETE FROM poisoned WHERE read_model = $1 AND journal_id NOT IN (SELECT journal_id FROM stops)
), ill AS (
    INSERT INTO poisoned AS p (journal_id, read_model, position, topic, reason, since, attempts, retried_at)
    SELECT journal_id, $1, position, topic, reason, now(), 1, now() FROM stops
    ON CONFLICT (journal_id, read_model) DO UPDATE SET
        position = excluded.position, topic = excluded.topic, reason = excluded.reason,
        since = CASE WHEN p.position = excluded.position THEN p.since ELSE excluded.since END,
        attempts = excluded.attempts, retried_at = excluded.retried_at
)
UPDATE read_models SET generation = $2, version = $3 WHERE name = $1
