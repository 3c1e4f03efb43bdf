-- Where read models stopped, the longest ago first: a row per journal and read model.
SELECT journal_id, read_model, position, topic, reason, since, attempts, retried_at FROM poisoned
ORDER BY since, journal_id, read_model
