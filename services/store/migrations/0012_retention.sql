-- Payloads of rejects recorded before this moment are due: 90 days are over. A wrong clock does not empty
-- everything: each day goes 30 days further than the day before at most.
CREATE FUNCTION payloads_due() RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT least(clock_timestamp() - interval '90 days', forgotten_until + interval '30 days')
    FROM retention
    WHERE what = 'reject payloads'
$$;
REVOKE ALL ON FUNCTION payloads_due FROM PUBLIC;
GRANT EXECUTE ON FUNCTION payloads_due TO groenmeter_writer;

-- Forget them, not the rejects; null when that was done today. The writer may do this and nothing else to them.
CREATE OR REPLACE FUNCTION forget_payloads() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    due timestamptz;
    number bigint;
BEGIN
    PERFORM FROM retention
    WHERE what = 'reject payloads'
        AND ran_at NOT BETWEEN clock_timestamp() - interval '20 hours' AND clock_timestamp()
    FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    due := payloads_due();
    UPDATE reject SET payload = ''
    FROM batch_log
    WHERE batch_log.batch_id = reject.batch_id AND recorded_at < due AND payload <> '';
    GET DIAGNOSTICS number = ROW_COUNT;
    UPDATE retention
    SET forgotten_until = greatest(forgotten_until, due), ran_at = clock_timestamp(), forgotten = number
    WHERE what = 'reject payloads';
    RETURN number;
END $$;
