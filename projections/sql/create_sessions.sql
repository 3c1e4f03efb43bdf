-- A row per session of a user, ended ones included.
CREATE TABLE sessions (
    journal_id   uuid NOT NULL,             -- the user
    session_id   uuid NOT NULL,
    user_agent   text,
    ip           text,
    created_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    ended        boolean NOT NULL,
    PRIMARY KEY (journal_id, session_id)
);
