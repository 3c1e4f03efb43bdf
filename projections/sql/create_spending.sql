-- What each member recorded in each month.
CREATE TABLE spending (
    journal_id    uuid NOT NULL,
    month         date NOT NULL,    -- its first day
    member_id     uuid NOT NULL,    -- who recorded the entries; nil: the system
    income_minor  numeric NOT NULL, -- sums of live entries
    expense_minor numeric NOT NULL,
    entry_count   bigint NOT NULL,  -- of income and expense
    PRIMARY KEY (journal_id, month, member_id)
) WITH (fillfactor = 70);
