-- name: backup_facts
SELECT current_database(), clock_timestamp(), (SELECT id::text FROM installation), batch_no, recorded_at,
    (SELECT max(version) FROM configuration)
FROM batch_log
ORDER BY batch_no DESC
LIMIT 1;

-- name: backup_tables
-- Our tables with the columns that hold something of their own, and the tables that their rows refer to.
SELECT pg_class.relname,
    ARRAY(
        SELECT attname::text
        FROM pg_attribute
        WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
        ORDER BY attnum
    ),
    ARRAY(
        SELECT DISTINCT parent.relname::text
        FROM pg_constraint
        JOIN pg_class AS parent ON parent.oid = confrelid
        WHERE conrelid = pg_class.oid AND contype = 'f' AND confrelid <> conrelid
    )
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
    AND relname <> 'schema_migration'
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
ORDER BY pg_class.relname;

-- name: backup_sequences
SELECT sequencename::text, last_value FROM pg_sequences WHERE schemaname = 'public' ORDER BY sequencename;

-- name: applied_migrations
SELECT name FROM schema_migration ORDER BY name;

-- name: writers_connected
-- Who else may write to this database now, by name.
SELECT application_name, count(*)
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
    AND pg_has_role(usesysid, 'groenmeter_writer', 'MEMBER')
GROUP BY application_name
ORDER BY application_name;

-- name: holds_anything
-- Whether there is anything that a new database does not have.
SELECT EXISTS (SELECT FROM batch_log WHERE events > 0) OR EXISTS (SELECT FROM token)
    OR EXISTS (SELECT FROM subscriber) OR (SELECT max(version) > 1 FROM configuration);

-- name: drop_everything
-- Everything of ours in this database: what belongs to an extension stays.
DO $$
DECLARE ours record;
BEGIN
    FOR ours IN
        SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
            ELSE 'TABLE' END AS sort, relname AS name
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
            AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
        ORDER BY relkind = 'S'
    LOOP
        EXECUTE format('DROP %s IF EXISTS %I CASCADE', ours.sort, ours.name);
    END LOOP;
    FOR ours IN
        SELECT CASE prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END AS sort,
            pg_proc.oid::regprocedure AS name
        FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace
            AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
    LOOP
        EXECUTE format('DROP %s IF EXISTS %s CASCADE', ours.sort, ours.name);
    END LOOP;
    FOR ours IN
        SELECT typname AS name
        FROM pg_type
        WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd')
            AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_type.oid AND deptype = 'e')
    LOOP
        EXECUTE format('DROP TYPE IF EXISTS %I CASCADE', ours.name);
    END LOOP;
END $$;

-- name: our_triggers
-- Not those of TimescaleDB, which put a row where it belongs.
SELECT tgrelid::regclass::text, tgname::text, tgenabled::text
FROM pg_trigger
JOIN pg_class ON pg_class.oid = tgrelid
WHERE relnamespace = 'public'::regnamespace AND NOT tgisinternal AND tgname NOT LIKE 'ts\_%' AND tgenabled <> 'D';

-- name: go_on_behind
-- A sequence goes on behind every number that it can have given out since the backup.
SELECT setval(
    format('%%I', sequencename)::regclass,
    least(coalesce(%(last)s::bigint, start_value)
        + CASE data_type WHEN 'bigint'::regtype THEN 1000000 ELSE 10000 END, max_value)
)
FROM pg_sequences
WHERE schemaname = 'public' AND sequencename = %(name)s;

-- name: counted_by_another
SELECT id::text, events
FROM installation, (SELECT sum(events) AS events FROM batch_log) AS counted
WHERE id <> %s::uuid AND events > 0;

-- name: newest_batch
SELECT batch_no, recorded_at FROM batch_log ORDER BY batch_no DESC LIMIT 1;

-- name: note_backup
SELECT add_audit(%s, %s, %s, %s);

-- name: counted_among
SELECT record_id FROM receipt_part WHERE record_id = ANY (%s);
