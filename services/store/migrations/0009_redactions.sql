-- What was erased, so that it stays so when it comes back: by a repeat, a replay, records that are read again, or
-- a restore. Of a text of a measurement there is the identity and a fingerprint under a key; of a payload that was
-- refused only the fingerprint. The same entries are kept in a file apart from the database and its backups.
CREATE TABLE redaction (
    redaction_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    redacted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    team text,
    kind text,
    source text,
    id text,
    fingerprint bytea NOT NULL,
    why text NOT NULL DEFAULT '',
    field text, -- for the audit: in which field the text stood, or of which reject the payload was
    reject_no bigint,
    CHECK (num_nonnulls(team, kind, source, id) IN (0, 4)),
    UNIQUE NULLS NOT DISTINCT (team, kind, source, id, fingerprint)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON redaction EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audited AFTER INSERT ON redaction
    FOR EACH ROW EXECUTE FUNCTION write_audit('redaction', 'team,kind,source,id,reject_no');

-- The key of the fingerprints: 244 random bits.
ALTER TABLE installation ADD COLUMN redaction_key bytea NOT NULL
    DEFAULT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');

-- The marks that stay: which field was erased when; when (a part of) a reject's payload was.
ALTER TABLE free_text ADD COLUMN erased jsonb;
ALTER TABLE reject ADD COLUMN erased_at timestamptz;

-- What a batch begins with. Everything that a batch rests on and that may change under it is changed under the
-- exclusive lock 'groenmeter rules', which waits for the batches that are on their way: here it is shared, and
-- what was changed before is seen, because each statement of a volatile function takes a snapshot of its own.
CREATE FUNCTION begin_batch(OUT batch_id bigint, OUT written_at timestamptz, OUT redaction_no bigint)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('groenmeter rules'));
    batch_id := nextval('batch_id');
    written_at := clock_timestamp();
    redaction_no := (SELECT max(redaction.redaction_no) FROM redaction);
END $$;

-- Until when payloads of rejects were forgotten, and how many the last time.
CREATE TABLE retention (
    what text PRIMARY KEY,
    forgotten_until timestamptz NOT NULL,
    ran_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    forgotten bigint NOT NULL DEFAULT 0
);
INSERT INTO retention (what, forgotten_until) SELECT 'reject payloads', min(recorded_at) FROM batch_log;

-- Forget the payloads of rejects that were recorded more than 90 days ago; not the rejects. The writer may do
-- this and nothing else to them. A wrong clock does not empty everything: a run goes 30 days further at most.
CREATE FUNCTION forget_payloads() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    until timestamptz := (SELECT least(clock_timestamp() - interval '90 days', forgotten_until + interval '30 days')
        FROM retention WHERE what = 'reject payloads' FOR UPDATE);
    number bigint;
BEGIN
    UPDATE reject SET payload = ''
    FROM batch_log
    WHERE batch_log.batch_id = reject.batch_id AND recorded_at < until AND payload <> '';
    GET DIAGNOSTICS number = ROW_COUNT;
    UPDATE retention
    SET forgotten_until = greatest(forgotten_until, until), ran_at = clock_timestamp(), forgotten = number
    WHERE what = 'reject payloads';
    RETURN number;
END $$;
REVOKE ALL ON FUNCTION forget_payloads FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_payloads TO groenmeter_writer;

-- The processors apply redactions to what arrives, the door to its spool.
GRANT SELECT ON redaction, retention TO groenmeter_writer;
