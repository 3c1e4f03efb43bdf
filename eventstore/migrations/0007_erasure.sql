-- Erasure: a journal whose root has said that it is erased loses its data key, and with it every sealed field for ever.
-- Its events stay where they are, so positions have no gaps and every proof still holds.

-- Hardly any event is one of these: the index costs an append nothing but the comparison.
CREATE INDEX events_of_erasure ON eventstore.events (journal_id) WHERE topic IN ('user.erased', 'book.erased');

-- destroy_keys: the only way to a data key's end. It takes no key of a journal that is not erased, whoever asks, and
-- may be asked again.
CREATE FUNCTION eventstore.destroy_keys(of_journals uuid[]) RETURNS SETOF uuid    -- those that had a key until now
LANGUAGE sql SECURITY DEFINER
SET search_path = eventstore, pg_temp
SET enable_seqscan = off    -- few journals are named, of very many
AS $$
    DELETE FROM journal_keys k
    WHERE k.journal_id = ANY (of_journals)
      AND EXISTS (SELECT FROM events e WHERE e.journal_id = k.journal_id AND e.topic IN ('user.erased', 'book.erased'))
    RETURNING k.journal_id;
$$;

REVOKE ALL ON FUNCTION eventstore.destroy_keys FROM PUBLIC;
GRANT EXECUTE ON FUNCTION eventstore.destroy_keys TO gagyebu_service;
