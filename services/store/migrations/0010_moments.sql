-- What people change beside measurements (configuration, factors, publications) takes its place in the batch log
-- too, as a batch without events: an answer as of a batch is then the same for ever, whatever changes later.
-- The moment is the same for all that one transaction changes. Its lock is held to the commit, so take it as late
-- as possible; what processors wait for meanwhile must not wait for them.
CREATE FUNCTION record_change(what text) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := nullif(current_setting('groenmeter.moment', true), '');
BEGIN
    IF moment IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtext('groenmeter batch'));
        INSERT INTO batch_log (batch_id, batch_no, recorded_at, worker, events, added, repeats, rejected)
        SELECT nextval('batch_id'), max(batch_no) + 1,
            greatest(clock_timestamp(), max(recorded_at) + interval '1 microsecond'), what, 0, 0, 0, 0
        FROM batch_log
        RETURNING recorded_at INTO moment;
        PERFORM set_config('groenmeter.moment', moment::text, true);
    END IF;
    RETURN moment;
END $$;

-- Since which moment a version of the configuration is known, for answers as of a moment; null for what was there
-- before anything was counted or this column. Measurements are judged by `applied_at`, as ever.
ALTER TABLE configuration ADD COLUMN known_at timestamptz;

CREATE FUNCTION record_configuration() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.known_at := record_change('configuration');
    RETURN NEW;
END $$;
CREATE TRIGGER configuration_known_at BEFORE INSERT ON configuration
    FOR EACH ROW WHEN (NEW.version > 1) EXECUTE FUNCTION record_configuration();
