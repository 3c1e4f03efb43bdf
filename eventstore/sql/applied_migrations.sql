-- The names of the migrations that this database has had; none where it was never migrated.
SELECT name FROM gagyebu_migrations
