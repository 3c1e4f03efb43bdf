-- Have read models tried again where they stopped, at once and then ever more rarely.
UPDATE poisoned SET attempts = 0 WHERE attempts > 0
