-- Append commands; one row: the time recorded, the journals with their positions before, the commands refused.
-- $1…$6 command, journal, stream, version, topic, state of each event, in the order of the commands
-- $7…$10 command, journal, stream, expected version of each check
-- $11…$14 command, journal, kind, wrapped key (or null) of each journal that comes into being
SELECT * FROM append_events($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
