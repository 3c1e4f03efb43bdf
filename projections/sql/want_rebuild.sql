-- Say what is wanted of a rebuild; nothing comes back where none is under way.
-- $1 read model  $2 wanted: run, pause or cancel
UPDATE rebuilds SET wanted = $2 WHERE read_model = $1 AND state NOT IN ('done', 'cancelled') RETURNING read_model
