-- Whether any journal was ever begun here.
SELECT EXISTS (SELECT FROM eventstore.journals)
