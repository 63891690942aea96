-- Who changed what, when, and how it was before: written by triggers, whatever program makes the change, and
-- never changed. `actor` is the setting `groenmeter.actor` that our connections bring: the account that runs the
-- command; else it is the database's login, which is always there as `login`. `before` and `after` hold what
-- differs: nothing before what was added, nothing after what was removed.
CREATE TABLE audit (
    audit_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    login text NOT NULL DEFAULT session_user,
    about text NOT NULL,
    subject text NOT NULL,
    before jsonb,
    after jsonb
);

-- For BEFORE UPDATE OR DELETE OR TRUNCATE on any table of which also the owner changes no row.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: no row of it is ever changed or removed', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit EXECUTE FUNCTION refuse_change();

-- One entry. Not for anybody to call: it runs as the owner, so that nobody needs a right to write the table.
CREATE FUNCTION add_audit(about text, subject text, before jsonb, after jsonb, fallback text DEFAULT NULL)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO audit (actor, about, subject, before, after)
    VALUES (coalesce(nullif(current_setting('groenmeter.actor', true), ''), fallback, session_user),
        about, subject, before, after)
$$;
REVOKE ALL ON FUNCTION add_audit FROM PUBLIC;

-- For a trigger AFTER INSERT OR UPDATE OR DELETE ... FOR EACH ROW EXECUTE FUNCTION write_audit(...) with
--   1. what it is about, a word that people know, like 'token';
--   2. the columns that name the row, with commas: together they are the subject;
--   3. optional: columns to leave out, with commas. One of the type bytea (a hash, a key) always is;
--   4. optional: the column that counts up when rows of one subject are versions of each other, so that a new
--      one has a `before`.
-- A security definer of its own, because whoever may write the table may not write the audit.
CREATE FUNCTION write_audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    names text[] := string_to_array(TG_ARGV[1], ',');
    hidden text[] := string_to_array(coalesce(TG_ARGV[2], ''), ',') || ARRAY(
        SELECT attname::text FROM pg_attribute WHERE attrelid = TG_RELID AND atttypid = 'bytea'::regtype);
    before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    subject text := (SELECT coalesce(string_agg(coalesce(after, before) ->> name, '/' ORDER BY place), '')
        FROM unnest(names) WITH ORDINALITY AS part (name, place));
BEGIN
    IF TG_OP = 'INSERT' AND TG_NARGS > 3 THEN
        EXECUTE format(
            'SELECT to_jsonb(row) FROM %I.%I AS row WHERE %s AND row.%4$I < ($1).%4$I ORDER BY row.%4$I DESC LIMIT 1',
            TG_TABLE_SCHEMA, TG_TABLE_NAME,
            (SELECT string_agg(format('row.%I IS NOT DISTINCT FROM ($1).%1$I', name), ' AND ') FROM unnest(names) AS name),
            TG_ARGV[3]) INTO before USING NEW;
    END IF;
    before := before - hidden;
    after := after - hidden;
    IF before IS NOT NULL AND after IS NOT NULL THEN
        SELECT jsonb_object_agg(key, before -> key), jsonb_object_agg(key, after -> key)
        INTO before, after
        FROM jsonb_object_keys(after) AS key
        WHERE (before -> key) IS DISTINCT FROM (after -> key);
        IF after IS NULL THEN
            RETURN NULL; -- nothing that may be told differs
        END IF;
    END IF;
    PERFORM add_audit(TG_ARGV[0], subject, before, after);
    RETURN NULL;
END $$;

-- A version of the configuration is a whole document: one entry for each thing in it that differs from the
-- version before, targets by themselves.
CREATE FUNCTION write_configuration_audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    earlier jsonb := coalesce(
        (SELECT document FROM configuration WHERE version < NEW.version ORDER BY version DESC LIMIT 1), '{}');
BEGIN
    PERFORM add_audit(
        CASE WHEN part = 'targets' AND entry IS NOT NULL THEN 'target' ELSE 'configuration' END,
        CASE WHEN part = 'targets' AND entry IS NOT NULL THEN entry ELSE concat_ws('/', part, entry) END,
        before, after, NEW.applied_by)
    FROM (
        SELECT part, entry, earlier -> part -> entry AS before, NEW.document -> part -> entry AS after
        FROM (
            SELECT part, jsonb_object_keys(coalesce(earlier -> part, '{}') || (NEW.document -> part)) AS entry
            FROM jsonb_object_keys(NEW.document) AS part
            WHERE jsonb_typeof(NEW.document -> part) = 'object'
                AND coalesce(jsonb_typeof(earlier -> part), 'object') = 'object'
        ) AS entries
        UNION ALL
        SELECT part, NULL, earlier -> part, NEW.document -> part
        FROM jsonb_object_keys(earlier || NEW.document) AS part
        WHERE jsonb_typeof(NEW.document -> part) IS DISTINCT FROM 'object'
            OR coalesce(jsonb_typeof(earlier -> part), 'object') <> 'object'
    ) AS things
    WHERE before IS DISTINCT FROM after
    ORDER BY part, entry;
    RETURN NULL;
END $$;

CREATE TRIGGER audited AFTER INSERT ON configuration
    FOR EACH ROW EXECUTE FUNCTION write_configuration_audit();
CREATE TRIGGER audited AFTER INSERT OR UPDATE OR DELETE ON token
    FOR EACH ROW EXECUTE FUNCTION write_audit('token', 'name');

-- The door reads it for a steward.
GRANT SELECT ON audit TO groenmeter_writer;
