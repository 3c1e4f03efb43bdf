-- What the engine itself keeps: which read models there are, and how far each has read each journal.
CREATE SCHEMA IF NOT EXISTS readmodels;

CREATE TABLE IF NOT EXISTS readmodels.read_models (
    name    text PRIMARY KEY,
    kind    text NOT NULL,      -- of the journals it reads
    version int NOT NULL        -- of its code: another version has its tables made anew
);

CREATE TABLE IF NOT EXISTS readmodels.checkpoints (
    journal_id uuid NOT NULL,
    read_model text NOT NULL,
    position   bigint NOT NULL, -- of the last event that its rows account for
    PRIMARY KEY (journal_id, read_model)
) WITH (fillfactor = 50);

-- A journal is stale where a read model of its kind has not seen its last event yet.
-- OFFSET 0: that is found out once for a journal, and not again for each row that a statement shows of it.
CREATE OR REPLACE VIEW readmodels.heads AS
SELECT j.journal_id, j.kind, j.position, s.stale
FROM eventstore.journals j
CROSS JOIN LATERAL (
    SELECT EXISTS (SELECT FROM readmodels.read_models r
                   LEFT JOIN readmodels.checkpoints c ON c.journal_id = j.journal_id AND c.read_model = r.name
                   WHERE r.kind = j.kind AND (c.position IS NULL OR c.position < j.position)) AS stale
    OFFSET 0
) AS s;

-- Where a read model met an event that it cannot take: it stays before it, in that journal alone.
CREATE TABLE IF NOT EXISTS readmodels.poisoned (
    journal_id uuid NOT NULL,
    read_model text NOT NULL,
    position   bigint NOT NULL,      -- of the event
    topic      text NOT NULL,
    reason     text NOT NULL,        -- kind and place of the error, never its message, which may quote a memo
    since      timestamptz NOT NULL,
    attempts   int NOT NULL,         -- since a process last started
    retried_at timestamptz NOT NULL,
    PRIMARY KEY (journal_id, read_model)
);

-- Which of them are to be left alone for now: after each attempt twice as long, up to five minutes.
CREATE OR REPLACE VIEW readmodels.resting AS
SELECT journal_id, read_model,
       retried_at + least(2 ^ least(attempts, 20) - 1, 300) * interval '1 second' > clock_timestamp() AS resting
FROM readmodels.poisoned;
