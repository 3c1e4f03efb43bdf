-- position_at: how far a journal had come at a time (inclusive); 0 before it began, null where there is none.
--
-- Times never go backwards within a journal, so the position is found by halving: some twenty look-ups by key in a
-- journal of a million events, and no index that every append would have to keep.

CREATE FUNCTION eventstore.position_at(of_journal uuid, known_at timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = eventstore, pg_temp
AS $$
DECLARE
    low bigint := 0;
    high bigint;
    middle bigint;
BEGIN
    SELECT j.position INTO high FROM journals j WHERE j.journal_id = of_journal;
    WHILE low < high LOOP
        middle := (low + high + 1) / 2;
        IF (SELECT e.recorded_at FROM events e WHERE e.journal_id = of_journal AND e.position = middle) <= known_at THEN
            low := middle;
        ELSE
            high := middle - 1;
        END IF;
    END LOOP;
    RETURN CASE WHEN high IS NOT NULL THEN low END;
END $$;

REVOKE ALL ON FUNCTION eventstore.position_at FROM PUBLIC;
GRANT EXECUTE ON FUNCTION eventstore.position_at TO gagyebu_service;
