-- append_more: further events of one journal, in the transaction of an append_events call that has checked its guards.
--
-- It is for imports of tens of thousands of events: with one journal and nothing to refuse, positions need neither a
-- sort nor a join. The transaction holds the head's lock since its first call, which also announced the journal. That
-- no stream gets a version twice is left to the unique constraint, whose violation undoes the whole transaction.

CREATE FUNCTION eventstore.append_more(
    journal uuid, streams uuid[], versions int[], topics text[], states bytea[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = eventstore, pg_temp
AS $$
DECLARE
    head journals;
BEGIN
    UPDATE journals j
    SET position = j.position + cardinality(streams), recorded_at = greatest(clock_timestamp(), j.recorded_at)
    WHERE j.journal_id = journal
    RETURNING j.* INTO STRICT head;

    INSERT INTO events (journal_id, position, stream_id, version, topic, state, recorded_at)
    SELECT journal, head.position - cardinality(streams) + e.place, e.stream_id, e.version, e.topic, e.state,
           head.recorded_at
    FROM unnest(streams, versions, topics, states) WITH ORDINALITY AS e (stream_id, version, topic, state, place);
END $$;

REVOKE ALL ON FUNCTION eventstore.append_more FROM PUBLIC;
GRANT EXECUTE ON FUNCTION eventstore.append_more TO gagyebu_service;
