-- A row per API token of a user, revoked and expired ones included.
CREATE TABLE api_tokens (
    journal_id   uuid NOT NULL,             -- the user
    token_id     uuid NOT NULL,
    name         text,                      -- null once the account is erased
    scopes       text NOT NULL,             -- separated by spaces
    books        text,                      -- ids separated by commas; null: all
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    last_used_on date,
    revoked      boolean NOT NULL,
    PRIMARY KEY (journal_id, token_id)
);
