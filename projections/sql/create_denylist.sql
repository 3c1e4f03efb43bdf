-- Sessions that ended while access tokens of theirs may still be about; a row is of no use after expires_at.
CREATE TABLE denylist (
    journal_id uuid NOT NULL,               -- the user
    session_id uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (journal_id, session_id)
);
CREATE INDEX denylist_by_expiry ON denylist (expires_at);
