-- A row per book with its sums, its members and its categories.
CREATE TABLE books (
    journal_id            uuid PRIMARY KEY,
    name                  text,             -- null once erased
    description           text,
    currency              text NOT NULL,
    decimals              int NOT NULL,     -- of the currency
    opening_balance_minor numeric NOT NULL,
    income_minor          numeric NOT NULL, -- sums of live entries
    expense_minor         numeric NOT NULL,
    entry_count           bigint NOT NULL,  -- live ones
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
