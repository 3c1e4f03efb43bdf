-- Become the one process that sends, for as long as this connection lives; whether that came about.
SELECT pg_try_advisory_lock(hashtextextended('gagyebu outbox', 0)) AS taken
