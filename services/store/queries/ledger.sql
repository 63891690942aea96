-- name: begin_batch
-- Its id and moment, and the number of the newest redaction.
SELECT * FROM begin_batch();

-- name: advance_offset
-- No row when these records were counted already.
INSERT INTO source_offset AS known (log, topic, partition, next)
VALUES (%(log)s, %(topic)s, %(partition)s, %(last)s + 1)
ON CONFLICT (log, topic, partition) DO UPDATE SET next = excluded.next WHERE known.next <= %(first)s;

-- name: insert_sources
INSERT INTO source (team, kind, source)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[])
ON CONFLICT DO NOTHING;

-- name: number_sources
SELECT team, kind, source, source_no
FROM source
JOIN unnest(%s::text[], %s::text[], %s::text[]) AS wanted (team, kind, source) USING (team, kind, source);

-- name: copy_identities
COPY identity (source_no, id, revision, fingerprint) FROM STDIN (FORMAT BINARY);

-- name: insert_identities
-- Inserts what is new and returns what was there already. Sorted: the order of locks.
WITH arriving AS (
    SELECT * FROM unnest(%s::integer[], %s::text[], %s::integer[], %s::bytea[])
        AS arriving (source_no, id, revision, fingerprint)
), inserted AS (
    INSERT INTO identity (source_no, id, revision, fingerprint)
    SELECT * FROM arriving ORDER BY source_no, id COLLATE "C"
    ON CONFLICT DO NOTHING
    RETURNING source_no, id
)
SELECT source_no, id FROM arriving EXCEPT SELECT source_no, id FROM inserted;

-- name: lock_identities
SELECT source_no, id, revision, fingerprint
FROM identity
JOIN unnest(%s::integer[], %s::text[]) AS wanted (source_no, id) USING (source_no, id)
ORDER BY source_no, id COLLATE "C"
FOR UPDATE OF identity;

-- name: revisions
SELECT source_no, id, revision, retracted, fingerprint, starts_at, ends_at, category, flow, site, method, detail,
    quantity, unit, pieces, cost, meter
FROM measurement
JOIN unnest(%s::integer[], %s::text[]) AS wanted (source_no, id) USING (source_no, id);

-- name: update_identities
UPDATE identity SET revision = changed.revision, fingerprint = changed.fingerprint
FROM unnest(%s::integer[], %s::text[], %s::integer[], %s::bytea[])
    AS changed (source_no, id, revision, fingerprint)
WHERE identity.source_no = changed.source_no AND identity.id = changed.id;

-- name: copy_measurements
COPY measurement (
    written_at, batch_id, source_no, id, revision, retracted, fingerprint, received_at, token_no, origin,
    starts_at, ends_at, category, flow, site, method, detail, quantity, unit, pieces, cost, meter, posted
) FROM STDIN (FORMAT BINARY);

-- name: copy_free_text
COPY free_text (source_no, id, revision, texts, erased) FROM STDIN (FORMAT BINARY);

-- name: insert_received_late
INSERT INTO received_late (
    written_at, batch_id, team, kind, category, readings, days_late, starts_at, received_at
)
SELECT %s, %s, late.*
FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[])
    AS late;

-- name: insert_corrections
INSERT INTO correction (
    written_at, batch_id, source_no, id, revision, retracted, starts_at, category, quantity_before, unit_before,
    quantity_after, unit_after
)
SELECT %s, %s, correction.*
FROM unnest(
    %s::integer[], %s::text[], %s::integer[], %s::boolean[], %s::timestamptz[], %s::text[], %s::bigint[], %s::text[],
    %s::bigint[], %s::text[]
) AS correction;

-- name: insert_leaves
INSERT INTO leaf (team, site, kind, category, flow, method, detail, unit)
SELECT * FROM unnest(
    %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::boolean[], %s::text[]
)
ON CONFLICT DO NOTHING;

-- name: number_leaves
SELECT leaf.*
FROM leaf
JOIN unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::boolean[], %s::text[])
    AS wanted (team, site, kind, category, flow, method, detail, unit)
    ON (leaf.team, leaf.site, leaf.kind, leaf.category, leaf.method, leaf.detail, leaf.unit)
        = (wanted.team, wanted.site, wanted.kind, wanted.category, wanted.method, wanted.detail, wanted.unit)
    AND leaf.flow IS NOT DISTINCT FROM wanted.flow;

-- name: add_to_days
INSERT INTO rollup_day AS known (leaf_no, day, quantity, readings)
SELECT * FROM unnest(%s::integer[], %s::date[], %s::numeric[], %s::bigint[])
    AS delta (leaf_no, day, quantity, readings)
ORDER BY leaf_no, day
ON CONFLICT (leaf_no, day) DO UPDATE
SET quantity = known.quantity + excluded.quantity, readings = known.readings + excluded.readings;

-- name: add_to_months
-- Of the same days. Sorted, and behind them: the order of locks.
INSERT INTO rollup_month AS known (leaf_no, month, quantity, readings)
SELECT leaf_no, date_trunc('month', day::timestamp)::date AS month, sum(quantity), sum(readings)
FROM unnest(%s::integer[], %s::date[], %s::numeric[], %s::bigint[]) AS delta (leaf_no, day, quantity, readings)
GROUP BY leaf_no, month
ORDER BY leaf_no, month
ON CONFLICT (leaf_no, month) DO UPDATE
SET quantity = known.quantity + excluded.quantity, readings = known.readings + excluded.readings;

-- name: add_to_hours
INSERT INTO rollup_hour AS known (leaf_no, hour, quantity, readings)
SELECT * FROM unnest(%s::integer[], %s::timestamptz[], %s::numeric[], %s::bigint[])
    AS delta (leaf_no, hour, quantity, readings)
ORDER BY leaf_no, hour
ON CONFLICT (leaf_no, hour) DO UPDATE
SET quantity = known.quantity + excluded.quantity, readings = known.readings + excluded.readings;

-- name: add_to_source_days
INSERT INTO source_day AS known (leaf_no, source_no, span, day, readings, seconds)
SELECT leaf_no, source_no, span, day, readings, microseconds * 0.000001
FROM unnest(%s::integer[], %s::integer[], %s::text[], %s::date[], %s::bigint[], %s::bigint[])
    AS delta (leaf_no, source_no, span, day, readings, microseconds)
ORDER BY leaf_no, source_no, span COLLATE "C", day
ON CONFLICT (leaf_no, source_no, span, day) DO UPDATE
SET readings = known.readings + excluded.readings, seconds = known.seconds + excluded.seconds;

-- name: own_meters
SELECT category, meter FROM own_meter;

-- name: add_to_meter_days
INSERT INTO meter_day AS known (leaf_no, meter, day, quantity, readings)
SELECT * FROM unnest(%s::integer[], %s::text[], %s::date[], %s::numeric[], %s::bigint[])
    AS delta (leaf_no, meter, day, quantity, readings)
ORDER BY leaf_no, meter COLLATE "C", day
ON CONFLICT (leaf_no, meter, day) DO UPDATE
SET quantity = known.quantity + excluded.quantity, readings = known.readings + excluded.readings;

-- name: add_to_meter_hours
INSERT INTO meter_hour AS known (leaf_no, meter, hour, quantity, readings)
SELECT * FROM unnest(%s::integer[], %s::text[], %s::timestamptz[], %s::numeric[], %s::bigint[])
    AS delta (leaf_no, meter, hour, quantity, readings)
ORDER BY leaf_no, meter COLLATE "C", hour
ON CONFLICT (leaf_no, meter, hour) DO UPDATE
SET quantity = known.quantity + excluded.quantity, readings = known.readings + excluded.readings;

-- name: insert_reject
INSERT INTO reject (
    batch_id, origin, position, topic, kind, team, source, id, received_at, token_no, receipt, problems, payload,
    erased_at
) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (origin, position) DO NOTHING;

-- name: insert_receipt_part
INSERT INTO receipt_part (record_id, receipt, added, repeats, rejected) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (record_id) DO NOTHING;

-- name: lock_batch_log
-- Held to the commit: the order of batch numbers is the order in which batches become visible.
SELECT pg_advisory_xact_lock(hashtext('groenmeter batch'));

-- name: close_batch
-- A statement of its own behind the lock, so that it sees the batch that was closed before, and every meter that
-- got a factor of its own.
INSERT INTO batch_log (batch_id, batch_no, recorded_at, worker, events, added, repeats, rejected, oldest_received_at)
SELECT %(batch_id)s, max(batch_no) + 1,
    greatest(clock_timestamp(), max(recorded_at) + interval '1 microsecond'),
    %(worker)s, %(events)s, %(added)s, %(repeats)s, %(rejected)s, %(oldest)s
FROM batch_log
RETURNING (SELECT count(*) FROM own_meter);
