-- name: await_batch_log
SELECT pg_advisory_xact_lock_shared(hashtext('groenmeter batch'));

-- name: snapshot
SELECT document ->> 'time_zone', ARRAY(SELECT jsonb_object_keys(document -> 'teams')),
    ARRAY(SELECT jsonb_object_keys(document -> 'sites')), first, newest, clock_timestamp()
FROM configuration, (SELECT min(recorded_at) AS first, max(recorded_at) AS newest FROM batch_log) AS batch
ORDER BY version DESC
LIMIT 1;

-- name: batch_at
SELECT max(recorded_at) FROM batch_log WHERE recorded_at <= %s;
