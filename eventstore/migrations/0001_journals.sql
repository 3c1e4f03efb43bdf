-- Journals, their events and their data keys, and what keeps history sacred.

CREATE SCHEMA eventstore;

CREATE TABLE eventstore.journals (
    journal_id  uuid PRIMARY KEY,
    kind        text NOT NULL,          -- topic of the root aggregate: book, user, email_claim
    position    bigint NOT NULL,        -- of the last event; 0 only inside a running append
    recorded_at timestamptz NOT NULL    -- of the last event
) WITH (fillfactor = 50);               -- the head is rewritten by every append: leave room for HOT updates

CREATE TABLE eventstore.events (
    journal_id  uuid NOT NULL,
    position    bigint NOT NULL,
    stream_id   uuid NOT NULL,
    version     int NOT NULL,
    topic       text NOT NULL,
    state       bytea NOT NULL,         -- canonical JSON
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (journal_id, position),
    UNIQUE (journal_id, stream_id, version)
);

CREATE TABLE eventstore.journal_keys (
    journal_id  uuid PRIMARY KEY,
    wrapped_key bytea NOT NULL          -- the data key, wrapped by the master key
);

CREATE FUNCTION eventstore.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are immutable: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER events_are_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON eventstore.events
    FOR EACH STATEMENT EXECUTE FUNCTION eventstore.refuse_change();
