-- Least privilege: the service works under a role that may read the store and append to it through
-- append_events, but neither insert, change nor remove an event by itself.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gagyebu_service') THEN
        CREATE ROLE gagyebu_service NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- another database of this server made it just now
END $$;

DO $$
BEGIN
    EXECUTE format('GRANT gagyebu_service TO %I', current_user);
END $$;

REVOKE ALL ON FUNCTION eventstore.append_events FROM PUBLIC;
GRANT USAGE ON SCHEMA eventstore TO gagyebu_service;
GRANT SELECT ON ALL TABLES IN SCHEMA eventstore TO gagyebu_service;
GRANT EXECUTE ON FUNCTION eventstore.append_events TO gagyebu_service;
