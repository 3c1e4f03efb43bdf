-- What the engine itself keeps: which read models there are, how far each has read each journal, and what is being rebuilt.
CREATE SCHEMA IF NOT EXISTS readmodels;

CREATE TABLE IF NOT EXISTS readmodels.read_models (
    name       text PRIMARY KEY,
    kind       text NOT NULL,           -- of the journals it reads
    version    int NOT NULL,            -- of the code that its rows follow
    generation int NOT NULL DEFAULT 1   -- of its tables: the one that is read
);

CREATE TABLE IF NOT EXISTS readmodels.checkpoints (
    journal_id uuid NOT NULL,
    read_model text NOT NULL,
    position   bigint NOT NULL,         -- of the last event that its rows account for
    generation int NOT NULL DEFAULT 1,
    PRIMARY KEY (journal_id, read_model, generation)
) WITH (fillfactor = 50);

-- A database of the time before generations. Looked for first: ALTER TABLE makes readers wait even where it does nothing.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute
                   WHERE attrelid = 'readmodels.checkpoints'::regclass AND attname = 'generation' AND NOT attisdropped) THEN
        ALTER TABLE readmodels.read_models ADD COLUMN generation int NOT NULL DEFAULT 1;
        ALTER TABLE readmodels.checkpoints ADD COLUMN generation int NOT NULL DEFAULT 1,
            DROP CONSTRAINT checkpoints_pkey, ADD PRIMARY KEY (journal_id, read_model, generation);
    END IF;
END $$;

-- The last rebuild or verification of each read model.
CREATE TABLE IF NOT EXISTS readmodels.rebuilds (
    read_model text PRIMARY KEY,
    generation int NOT NULL,
    version    int NOT NULL,            -- of the code that folds it
    purpose    text NOT NULL,           -- verify; rebuild; replace: also by rows that differ
    state      text NOT NULL,           -- filling, catching up, indexing, comparing, swapping; done, cancelled
    wanted     text NOT NULL,           -- run, pause or cancel
    indexes    text[] NOT NULL,         -- the statements that make them, once the tables are filled
    started_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    report     jsonb
);

-- A database of the time before purposes.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute
                   WHERE attrelid = 'readmodels.rebuilds'::regclass AND attname = 'purpose' AND NOT attisdropped) THEN
        ALTER TABLE readmodels.rebuilds ADD COLUMN purpose text NOT NULL DEFAULT 'rebuild';
        ALTER TABLE readmodels.rebuilds ALTER COLUMN purpose DROP DEFAULT;
    END IF;
END $$;

-- The journals that are to be folded into the new generation, in ranges of ids.
CREATE TABLE IF NOT EXISTS readmodels.rebuild_ranges (
    read_model text NOT NULL,
    number     int NOT NULL,
    first_id   uuid NOT NULL,
    end_id     uuid,                    -- exclusive; null: no end
    journals   bigint NOT NULL,
    events     bigint NOT NULL,
    done       boolean NOT NULL DEFAULT false,
    PRIMARY KEY (read_model, number)
);

-- A journal is stale where a read model of its kind has not seen its last event yet.
-- OFFSET 0: that is found out once for a journal, and not again for each row that a statement shows of it.
CREATE OR REPLACE VIEW readmodels.heads AS
SELECT j.journal_id, j.kind, j.position, s.stale
FROM eventstore.journals j
CROSS JOIN LATERAL (
    SELECT EXISTS (SELECT FROM readmodels.read_models r
                   LEFT JOIN readmodels.checkpoints c
                       ON c.journal_id = j.journal_id AND c.read_model = r.name AND c.generation = r.generation
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

-- Likewise of generations that are being built; once one is read, it is `poisoned`.
CREATE TABLE IF NOT EXISTS readmodels.rebuild_poisoned (
    journal_id uuid NOT NULL,
    read_model text NOT NULL,
    generation int NOT NULL,
    position   bigint NOT NULL,
    topic      text NOT NULL,
    reason     text NOT NULL,
    PRIMARY KEY (journal_id, read_model, generation)
);

-- Which of those that are read are to be left alone for now: after each attempt twice as long, up to five minutes.
CREATE OR REPLACE VIEW readmodels.resting AS
SELECT journal_id, read_model,
       retried_at + least(2 ^ least(attempts, 20) - 1, 300) * interval '1 second' > clock_timestamp() AS resting
FROM readmodels.poisoned;
