-- A row per message that waits to be sent.
CREATE TABLE outbox (
    journal_id uuid NOT NULL,               -- the user
    message_id uuid NOT NULL,
    posted_at  timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,        -- exclusive
    PRIMARY KEY (journal_id, message_id)
);
CREATE INDEX outbox_by_age ON outbox (posted_at, message_id);
