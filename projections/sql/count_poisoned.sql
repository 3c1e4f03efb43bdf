-- In how many places read models stopped, a place being a journal and a read model; one row.
SELECT count(*) AS poisoned FROM poisoned
