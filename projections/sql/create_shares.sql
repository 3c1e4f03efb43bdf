-- A row per link to an entry, those expired and revoked included.
CREATE TABLE shares (
    journal_id    uuid NOT NULL,
    share_id      uuid NOT NULL,            -- the hash of its code
    entry_id      uuid NOT NULL,
    expires_at    timestamptz NOT NULL,
    created_at    timestamptz NOT NULL,
    since         bigint NOT NULL,          -- position of the event that made it
    revoked_since bigint,                   -- position of the event that revoked it
    opened        bigint[] NOT NULL,        -- positions of the openings counted, ascending
    PRIMARY KEY (journal_id, share_id)
);
CREATE INDEX shares_by_id ON shares (share_id);
CREATE INDEX shares_by_entry ON shares (journal_id, entry_id, created_at DESC, share_id);
