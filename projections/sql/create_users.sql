-- A row per user: what other members of a book may see.
CREATE TABLE users (
    journal_id uuid PRIMARY KEY,
    email      text,                        -- null once erased
    name       text
);
