-- name: stop_partition
INSERT INTO stopped_partition AS known (log, topic, partition, reason, next, detail, worker)
VALUES (%(log)s, %(topic)s, %(partition)s, %(reason)s, %(next)s, %(detail)s, %(worker)s)
ON CONFLICT (log, topic, partition) DO UPDATE
SET reason = excluded.reason, next = excluded.next, detail = excluded.detail, worker = excluded.worker,
    since = clock_timestamp()
WHERE (known.reason, known.next) <> (excluded.reason, excluded.next);

-- name: stopped_partitions
-- One that waited for an upgrade goes on by itself: it counts as stopped until it was read further.
SELECT topic, partition, stopped.reason, stopped.next, stopped.detail, stopped.worker, stopped.since
FROM stopped_partition AS stopped
LEFT JOIN source_offset AS known USING (log, topic, partition)
WHERE log = %(log)s AND (stopped.reason <> 'newer-schema' OR coalesce(known.next, 0) <= stopped.next)
ORDER BY topic, partition;

-- name: lock_stopped_partition
SELECT topic, partition, reason, next, detail, worker, since
FROM stopped_partition
WHERE (log, topic, partition) = (%(log)s, %(topic)s, %(partition)s)
FOR UPDATE;

-- name: go_on_at
INSERT INTO source_offset (log, topic, partition, next) VALUES (%(log)s, %(topic)s, %(partition)s, %(start)s)
ON CONFLICT (log, topic, partition) DO UPDATE SET next = excluded.next;

-- name: rename_origins
-- The offsets of a topic that was made anew are given out a second time: what was refused at them before keeps
-- its place under another name.
UPDATE reject SET origin = origin || ' before ' || to_char(clock_timestamp(), 'YYYY-MM-DD"T"HH24:MI:SSOF')
WHERE starts_with(origin, %(prefix)s) AND split_part(origin, '/', 4) ~ '^[0-9]+$'
    AND split_part(origin, '/', 4)::bigint >= %(start)s;

-- name: forget_stopped_partition
DELETE FROM stopped_partition WHERE (log, topic, partition) = (%(log)s, %(topic)s, %(partition)s);

-- name: audit_partition
SELECT add_audit('partition', %(subject)s, %(before)s, %(after)s);
