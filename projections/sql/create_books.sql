-- A row per book with its sums, its members, its categories and its closed periods.
CREATE TABLE books (
    journal_id            uuid PRIMARY KEY,
    name                  text,             -- null once erased
    description           text,
    currency              text NOT NULL,
    decimals              int NOT NULL,     -- of the currency
    opening_balance_minor numeric NOT NULL,
    income_minor          numeric NOT NULL, -- sums of live entries
    expense_minor         numeric NOT NULL,
    transferred_minor     numeric NOT NULL, -- what came in by transfers less what went out
    entry_count           bigint NOT NULL,  -- live ones, transfers included
    closed_through        date,
    deleted               boolean NOT NULL,
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL,
    version               int NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE members (
    journal_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    role       text NOT NULL,
    joined_at  timestamptz NOT NULL,
    PRIMARY KEY (journal_id, user_id)
);
CREATE INDEX members_by_user ON members (user_id, journal_id);

CREATE TABLE categories (
    journal_id  uuid NOT NULL,
    category_id uuid NOT NULL,
    kind        text NOT NULL,
    name        text,
    folded_name text,                       -- the name as it is searched
    deleted     boolean NOT NULL,
    PRIMARY KEY (journal_id, category_id)
);

CREATE TABLE closings (
    journal_id uuid NOT NULL,
    through    date NOT NULL,
    closed_at  timestamptz NOT NULL,
    closed_by  uuid,
    PRIMARY KEY (journal_id, through)
);
