-- Note the state of a rebuild, and at its end the report.
-- $1 read model  $2 state  $3 report (JSON; null: none)
UPDATE rebuilds SET state = $2, report = $3::jsonb, updated_at = now() WHERE read_model = $1
