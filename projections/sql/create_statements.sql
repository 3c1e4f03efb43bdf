-- What came in and went out in each month: a row per month, so that the balance at its end follows from few rows.
CREATE TABLE statements (
    journal_id        uuid NOT NULL,
    month             date NOT NULL,    -- its first day
    income_minor      numeric NOT NULL, -- sums of live entries
    expense_minor     numeric NOT NULL,
    transferred_minor numeric NOT NULL, -- in less out
    entry_count       bigint NOT NULL,  -- live ones, transfers included
    PRIMARY KEY (journal_id, month)
) WITH (fillfactor = 70);
