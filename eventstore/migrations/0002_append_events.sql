-- append_events: many commands, one round trip, one commit.
--
-- A command is a set of new events plus what they rely on: "stream is still at version v", for each stream that the
-- command writes or only guards. A command whose checks do not hold is answered with a stream in conflict and leaves
-- no trace; its neighbours pass. The commands of one call are independent: none touches a stream that another writes
-- (the store sends those one call later; two that write one stream would break its unique versions, and fail as one).
--
-- Why it is safe: the heads of all journals concerned are locked before anything is checked, so within a journal
-- appends are serial: positions have no gaps, become visible in order, and a guard is exact. Locks are taken in
-- the order of journal_id, and new journals are inserted before any lock is taken, so appends cannot deadlock.
-- It relies on READ COMMITTED: each statement below must see what was committed while it waited for the locks.

CREATE FUNCTION eventstore.append_events(
    event_commands int[], event_journals uuid[], event_streams uuid[], event_versions int[],
    event_topics text[], event_states bytea[],
    check_commands int[], check_journals uuid[], check_streams uuid[], check_versions int[],
    new_commands int[], new_journals uuid[], new_kinds text[], new_keys bytea[]
) RETURNS TABLE (
    recorded_at timestamptz,    -- of all accepted commands
    journals uuid[],            -- those concerned, and their positions before this call: an accepted event has the
    heads bigint[],             -- next position of its journal, in the order of the events as given
    refused int[],              -- commands, each with a stream in conflict and its present version
    refused_streams uuid[],
    refused_versions int[]
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = eventstore, pg_temp
SET enable_seqscan = off    -- a plan made while the tables were small must not live on as a scan
SET enable_sort = on        -- off in the service's sessions, for the sake of lists; what is sorted here is one batch
AS $$
#variable_conflict use_variable
DECLARE
    announced text;
BEGIN
    IF cardinality(new_journals) > 0 THEN
        INSERT INTO eventstore.journals (journal_id, kind, position, recorded_at)
        SELECT n.journal_id, n.kind, 0, '-infinity'
        FROM unnest(new_journals, new_kinds) AS n (journal_id, kind)
        ORDER BY n.journal_id
        ON CONFLICT DO NOTHING;
    END IF;

    SELECT max(h.recorded_at), coalesce(array_agg(h.journal_id), '{}'), array_agg(h.position)
    INTO recorded_at, journals, heads
    FROM (SELECT j.journal_id, j.position, j.recorded_at FROM eventstore.journals j
          WHERE j.journal_id = ANY (check_journals) ORDER BY j.journal_id FOR NO KEY UPDATE) AS h;
    recorded_at := greatest(clock_timestamp(), recorded_at);

    SELECT coalesce(array_agg(c.command), '{}'), array_agg(c.stream_id), array_agg(c.version)
    INTO refused, refused_streams, refused_versions
    FROM (SELECT x.command, x.stream_id, x.journal_id, x.version AS expected,
                 (SELECT coalesce(max(e.version), 0) FROM events e
                  WHERE e.journal_id = x.journal_id AND e.stream_id = x.stream_id) AS version
          FROM unnest(check_commands, check_journals, check_streams, check_versions)
              AS x (command, journal_id, stream_id, version)) AS c
    WHERE c.version <> c.expected OR c.journal_id <> ALL (journals);

    INSERT INTO events (journal_id, position, stream_id, version, topic, state, recorded_at)
    SELECT e.journal_id, h.position + row_number() OVER (PARTITION BY e.journal_id ORDER BY e.place),
           e.stream_id, e.version, e.topic, e.state, recorded_at
    FROM unnest(event_commands, event_journals, event_streams, event_versions, event_topics, event_states)
        WITH ORDINALITY AS e (command, journal_id, stream_id, version, topic, state, place)
    JOIN unnest(journals, heads) AS h (journal_id, position) USING (journal_id)
    WHERE e.command <> ALL (refused);

    IF FOUND THEN
        UPDATE eventstore.journals j SET position = j.position + n.events, recorded_at = append_events.recorded_at
        FROM (SELECT e.journal_id, count(*) AS events FROM unnest(event_commands, event_journals) AS e (command, journal_id)
              WHERE e.command <> ALL (refused) GROUP BY e.journal_id) AS n
        WHERE j.journal_id = n.journal_id;
        -- Beyond 200 journals the payload would outgrow NOTIFY's limit: '' tells listeners to sweep.
        announced := pg_notify('journals', CASE WHEN cardinality(journals) <= 200
                                                THEN array_to_string(journals, ',') ELSE '' END)::text;
    END IF;

    IF cardinality(new_journals) > 0 THEN
        INSERT INTO journal_keys (journal_id, wrapped_key)
        SELECT n.journal_id, n.wrapped_key
        FROM unnest(new_commands, new_journals, new_keys) AS n (command, journal_id, wrapped_key)
        WHERE n.wrapped_key IS NOT NULL AND n.command <> ALL (refused);
        DELETE FROM eventstore.journals j WHERE j.journal_id = ANY (new_journals) AND j.position = 0;
    END IF;

    RETURN NEXT;
END $$;
