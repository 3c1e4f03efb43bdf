-- Sums of live entries per day, category and member, and per month, category and member, so that long ranges read few rows.
CREATE TABLE totals (
    journal_id    uuid NOT NULL,
    grain         text NOT NULL,            -- day or month
    starts_on     date NOT NULL,
    category_id   uuid NOT NULL,            -- nil: without a category
    member_id     uuid NOT NULL,            -- who recorded the entry; nil: the system
    income_minor  numeric NOT NULL,
    expense_minor numeric NOT NULL,
    transferred_minor numeric NOT NULL,     -- in less out
    entry_count   bigint NOT NULL,          -- of income and expense
    PRIMARY KEY (journal_id, grain, starts_on, category_id, member_id)
) WITH (fillfactor = 70);
