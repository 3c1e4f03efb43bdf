-- Forget messages that nobody needs any more.
DELETE FROM outbox WHERE expires_at <= now()
