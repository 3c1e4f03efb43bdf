-- Keep everybody from appending until the transaction ends; reads go on.
LOCK TABLE eventstore.journals IN EXCLUSIVE MODE
