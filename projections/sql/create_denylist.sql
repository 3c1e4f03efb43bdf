-- Sessions and API tokens that ended while workers may still take them; a row is of no use after expires_at.
CREATE TABLE denylist (
    journal_id uuid NOT NULL,               -- the user
    stream_id  uuid NOT NULL,               -- the session or API token
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (journal_id, stream_id)
);
CREATE INDEX denylist_by_expiry ON denylist (expires_at);
