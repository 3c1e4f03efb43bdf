-- Sums of live entries per day and category, and per month and category, so that long ranges read few rows.
CREATE TABLE totals (
    journal_id    uuid NOT NULL,
    grain         text NOT NULL,            -- day or month
    starts_on     date NOT NULL,
    category_id   uuid NOT NULL,            -- nil: without a category
    income_minor  numeric NOT NULL,
    expense_minor numeric NOT NULL,
    entry_count   bigint NOT NULL,
    PRIMARY KEY (journal_id, grain, starts_on, category_id)
) WITH (fillfactor = 70);
