-- Sums of live entries per day, category and member; and the same per month and per year, so that long ranges read few rows.
-- Where neither category nor member is asked for, whole months read fewer still.
CREATE TABLE totals (
    journal_id    uuid NOT NULL,
    grain         text NOT NULL,            -- day, month, year or whole_month
    starts_on     date NOT NULL,
    category_id   uuid NOT NULL,            -- nil: without a category; of all in a whole_month
    member_id     uuid NOT NULL,            -- who recorded the entry; nil: the system, or all
    income_minor  numeric NOT NULL,
    expense_minor numeric NOT NULL,
    transferred_minor numeric NOT NULL,     -- in less out
    entry_count   bigint NOT NULL,          -- of income and expense
    PRIMARY KEY (journal_id, grain, starts_on, category_id, member_id)
) WITH (fillfactor = 70);
