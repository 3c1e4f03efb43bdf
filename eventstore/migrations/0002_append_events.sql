-- append_events: many commands, one round trip, one commit.
--
-- A command is a set of new events plus guards ("stream is still at version v"). A command whose expected
-- versions or guards do not hold is answered with the stream in conflict and leaves no trace; its neighbours pass.
-- So is a command whose journal does not exist, and one that needs a stream which an earlier command of the same call
-- writes.
--
-- Why it is safe: the heads of all journals concerned are locked before anything is checked, so within a journal
-- appends are serial: positions have no gaps, become visible in order, and a guard is exact. Locks are taken in
-- the order of journal_id, and new journals are inserted before any lock is taken, so appends cannot deadlock.
-- It relies on READ COMMITTED: each statement below must see what was committed while it waited for the locks.

CREATE FUNCTION eventstore.append_events(
    event_commands int[], event_journals uuid[], event_streams uuid[], event_versions int[],
    event_topics text[], event_states bytea[],
    guard_commands int[], guard_journals uuid[], guard_streams uuid[], guard_versions int[],
    new_commands int[], new_journals uuid[], new_kinds text[], new_keys bytea[]
) RETURNS TABLE (
    command int, "position" bigint, recorded_at timestamptz,    -- accepted: position of its last event
    conflict_stream uuid, conflict_version int                  -- refused: the stream and its present version
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = eventstore, pg_temp
SET enable_seqscan = off    -- a plan made while the tables were small must not live on as a scan
SET enable_sort = on        -- off in the service's sessions, for the sake of lists; what is sorted here is one batch
AS $$
#variable_conflict use_column
DECLARE
    recorded timestamptz;
    known uuid[];
    refused int[];
    refused_streams uuid[];
    refused_versions int[];
BEGIN
    IF cardinality(new_journals) > 0 THEN
        INSERT INTO journals (journal_id, kind, position, recorded_at)
        SELECT n.journal_id, n.kind, 0, '-infinity'
        FROM unnest(new_journals, new_kinds) AS n (journal_id, kind)
        ORDER BY n.journal_id
        ON CONFLICT DO NOTHING;
    END IF;

    SELECT max(h.recorded_at), array_agg(h.journal_id) INTO recorded, known
    FROM (SELECT j.journal_id, j.recorded_at FROM journals j
          WHERE j.journal_id = ANY (event_journals || guard_journals)
          ORDER BY j.journal_id FOR NO KEY UPDATE) AS h;
    recorded := greatest(clock_timestamp(), recorded);

    WITH expected AS (
        SELECT e.command, e.journal_id, e.stream_id, min(e.version) - 1 AS version, true AS writes
        FROM unnest(event_commands, event_journals, event_streams, event_versions)
            AS e (command, journal_id, stream_id, version)
        GROUP BY e.command, e.journal_id, e.stream_id
        UNION ALL
        SELECT g.*, false FROM unnest(guard_commands, guard_journals, guard_streams, guard_versions) AS g
    ), actual AS (
        SELECT s.journal_id, s.stream_id,
               (SELECT coalesce(max(e.version), 0) FROM events e
                WHERE e.journal_id = s.journal_id AND e.stream_id = s.stream_id) AS version
        FROM (SELECT DISTINCT x.journal_id, x.stream_id FROM expected x) AS s
    ), checked AS (
        SELECT x.command, x.journal_id, x.stream_id, x.writes, a.version,
               x.version = a.version AND x.journal_id = ANY (known) AS holds
        FROM expected x JOIN actual a USING (journal_id, stream_id)
    ), weighed AS (
        SELECT c.*, bool_and(c.holds) OVER (PARTITION BY c.command) AS command_holds FROM checked c
    ), ranked AS (
        SELECT w.*, min(w.command) FILTER (WHERE w.writes AND w.command_holds)
                        OVER (PARTITION BY w.journal_id, w.stream_id) AS first_writer
        FROM weighed w
    ), conflicts AS (
        SELECT DISTINCT ON (r.command) r.command, r.stream_id, r.version
        FROM ranked r WHERE NOT r.holds OR r.command > r.first_writer
        ORDER BY r.command, r.stream_id
    )
    SELECT array_agg(c.command), array_agg(c.stream_id), array_agg(c.version)
    INTO refused, refused_streams, refused_versions FROM conflicts c;
    refused := coalesce(refused, '{}');

    RETURN QUERY
    WITH numbered AS MATERIALIZED (
        SELECT e.command, e.journal_id, e.stream_id, e.version, e.topic, e.state,
               j.position + row_number() OVER (PARTITION BY e.journal_id ORDER BY e.place) AS position
        FROM unnest(event_commands, event_journals, event_streams, event_versions, event_topics, event_states)
            WITH ORDINALITY AS e (command, journal_id, stream_id, version, topic, state, place)
        JOIN journals j USING (journal_id)
        WHERE e.command <> ALL (refused)
    ), recorded_events AS (
        INSERT INTO events (journal_id, position, stream_id, version, topic, state, recorded_at)
        SELECT n.journal_id, n.position, n.stream_id, n.version, n.topic, n.state, recorded FROM numbered n
    ), advanced AS (
        UPDATE journals j SET position = n.last, recorded_at = recorded
        FROM (SELECT journal_id, max(position) AS last FROM numbered GROUP BY journal_id) AS n
        WHERE j.journal_id = n.journal_id
    )
    SELECT n.command, max(n.position), recorded, NULL::uuid, NULL::int FROM numbered n GROUP BY n.command
    UNION ALL
    SELECT c.command, NULL, NULL, c.stream_id, c.version
    FROM unnest(refused, refused_streams, refused_versions) AS c (command, stream_id, version);

    -- Beyond 200 journals the payload would outgrow NOTIFY's limit: '' tells listeners to sweep.
    PERFORM pg_notify('journals', CASE WHEN count(DISTINCT e.journal_id) <= 200
                                       THEN string_agg(DISTINCT e.journal_id::text, ',') ELSE '' END)
    FROM unnest(event_commands, event_journals) AS e (command, journal_id)
    WHERE e.command <> ALL (refused)
    HAVING count(*) > 0;

    IF cardinality(new_journals) > 0 THEN
        INSERT INTO journal_keys (journal_id, wrapped_key)
        SELECT n.journal_id, n.wrapped_key
        FROM unnest(new_commands, new_journals, new_keys) AS n (command, journal_id, wrapped_key)
        WHERE n.wrapped_key IS NOT NULL AND n.command <> ALL (refused);
        DELETE FROM journals j WHERE j.journal_id = ANY (new_journals) AND j.position = 0;
    END IF;
END $$;
