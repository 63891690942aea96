-- Each of the checks answers a row for every difference: what it is about, what the ledger says, what was
-- found, and how many such rows there are in all.

-- name: verified
SELECT (SELECT count(*) FROM measurement) AS ledger_rows,
    (SELECT count(*) FROM identity) AS identities,
    (SELECT count(*) FROM leaf) AS leaves,
    (SELECT count(*) FROM rollup_day) AS days,
    (SELECT count(*) FROM rollup_hour) AS hours,
    (SELECT count(*) FROM source_day) AS source_days,
    (SELECT count(*) FROM reject) AS rejects,
    (SELECT count(*) FROM batch_log) AS batches;

-- name: verify_revisions
-- One row for each revision of a measurement; in the order of the index, so that nothing is sorted.
SELECT jsonb_build_object('source_no', source_no, 'id', id, 'revision', revision), 1, max(number), count(*) OVER ()
FROM (
    SELECT source_no, id, revision, row_number() OVER (PARTITION BY source_no, id, revision) AS number
    FROM measurement
) AS numbered
WHERE number > 1
GROUP BY source_no, id, revision
LIMIT %(limit)s;

-- name: verify_identities
-- What counts is the highest revision in the ledger, with its content; nothing counts that is not there.
WITH highest AS (
    SELECT DISTINCT ON (source_no, id) source_no, id, revision, fingerprint
    FROM measurement
    ORDER BY source_no, id, revision DESC
)
SELECT jsonb_build_object('team', team, 'kind', kind, 'source', source, 'source_no', source_no, 'id', id),
    highest.revision || ' ' || encode(highest.fingerprint, 'hex'),
    identity.revision || ' ' || encode(identity.fingerprint, 'hex'),
    count(*) OVER ()
FROM highest
FULL JOIN identity USING (source_no, id)
LEFT JOIN source USING (source_no)
WHERE (highest.revision, highest.fingerprint) IS DISTINCT FROM (identity.revision, identity.fingerprint)
    OR source.source_no IS NULL
LIMIT %(limit)s;

-- name: verify_batches
-- Every ledger row is of a batch that was committed, and every batch has the rows that it says, the oldest of them
-- received when it says; old batches do not.
SELECT jsonb_build_object('batch_id', batch_id), concat_ws(' from ', counted.number, oldest),
    concat_ws(' from ', added, oldest_received_at), count(*) OVER ()
FROM (
    SELECT batch_id, count(*) AS number, min(received_at) AS oldest FROM measurement GROUP BY batch_id
) AS counted
FULL JOIN batch_log USING (batch_id)
WHERE coalesce(counted.number, 0) IS DISTINCT FROM added OR (oldest = oldest_received_at) IS FALSE
LIMIT %(limit)s;

-- name: verify_rejects
-- A record that is sent again is counted in its batch once more, but its rejects are kept once.
SELECT jsonb_build_object('batch_id', batch_id), kept.number, rejected, count(*) OVER ()
FROM (SELECT batch_id, count(*) AS number FROM reject GROUP BY batch_id) AS kept
LEFT JOIN batch_log USING (batch_id)
WHERE kept.number <= rejected IS NOT TRUE
LIMIT %(limit)s;

-- name: verify_receipts
SELECT jsonb_build_object('record', record_id), counted.number, added, count(*) OVER ()
FROM receipt_part
LEFT JOIN (SELECT origin, count(*) AS number FROM measurement GROUP BY origin) AS counted ON origin = record_id
WHERE coalesce(counted.number, 0) <> added
LIMIT %(limit)s;

-- name: verify_days
SELECT coalesce(to_jsonb(leaf), '{{}}') || jsonb_build_object('day', day), expected, found, count(*) OVER ()
FROM (
    SELECT leaf_no, day,
        sum(quantity) FILTER (WHERE computed) || ' in ' || sum(readings) FILTER (WHERE computed) AS expected,
        sum(quantity) FILTER (WHERE NOT computed) || ' in ' || sum(readings) FILTER (WHERE NOT computed) AS found
    FROM (
        SELECT true AS computed, leaf_no, share.day, share AS quantity, begins::int AS readings
        FROM ({counted}) AS counted
        CROSS JOIN LATERAL (
            SELECT counted.day, base_quantity::numeric, true WHERE coalesce(ends_at <= day_ends, true)
            UNION ALL
            SELECT * FROM day_shares(base_quantity, starts_at, ends_at) WHERE ends_at > day_ends
        ) AS share (day, share, begins)
        UNION ALL
        SELECT false, leaf_no, day, quantity, readings FROM rollup_day
    ) AS part
    GROUP BY leaf_no, day
    HAVING sum(CASE WHEN computed THEN quantity ELSE -quantity END) <> 0
        OR sum(CASE WHEN computed THEN readings ELSE -readings END) <> 0
) AS different
LEFT JOIN leaf USING (leaf_no)
LIMIT %(limit)s;

-- name: verify_months
-- The sums of months are those of their days.
SELECT coalesce(to_jsonb(leaf), '{{}}') || jsonb_build_object('month', month), expected, found, count(*) OVER ()
FROM (
    SELECT leaf_no, month,
        sum(quantity) FILTER (WHERE computed) || ' in ' || sum(readings) FILTER (WHERE computed) AS expected,
        sum(quantity) FILTER (WHERE NOT computed) || ' in ' || sum(readings) FILTER (WHERE NOT computed) AS found
    FROM (
        SELECT true AS computed, leaf_no, date_trunc('month', day::timestamp)::date AS month, quantity, readings
        FROM rollup_day
        UNION ALL
        SELECT false, leaf_no, month, quantity, readings FROM rollup_month
    ) AS part
    GROUP BY leaf_no, month
    HAVING sum(CASE WHEN computed THEN quantity ELSE -quantity END) <> 0
        OR sum(CASE WHEN computed THEN readings ELSE -readings END) <> 0
) AS different
LEFT JOIN leaf USING (leaf_no)
LIMIT %(limit)s;

-- name: verify_hours
SELECT coalesce(to_jsonb(leaf), '{{}}') || jsonb_build_object('hour', hour), expected, found, count(*) OVER ()
FROM (
    SELECT leaf_no, hour,
        sum(quantity) FILTER (WHERE computed) || ' in ' || sum(readings) FILTER (WHERE computed) AS expected,
        sum(quantity) FILTER (WHERE NOT computed) || ' in ' || sum(readings) FILTER (WHERE NOT computed) AS found
    FROM (
        SELECT true AS computed, leaf_no, share.hour, share AS quantity, begins::int AS readings
        FROM ({counted}) AS counted
        CROSS JOIN LATERAL (SELECT date_bin('1 hour', starts_at, day_starts)) AS first (hour)
        CROSS JOIN LATERAL (
            SELECT first.hour, base_quantity::numeric, true
            WHERE coalesce(ends_at <= first.hour + interval '1 hour', true)
            UNION ALL
            SELECT * FROM hour_shares(base_quantity, starts_at, ends_at)
            WHERE ends_at > first.hour + interval '1 hour'
        ) AS share (hour, share, begins)
        WHERE kind <> 'medication-waste'
        UNION ALL
        SELECT false, leaf_no, hour, quantity, readings FROM rollup_hour
    ) AS part
    GROUP BY leaf_no, hour
    HAVING sum(CASE WHEN computed THEN quantity ELSE -quantity END) <> 0
        OR sum(CASE WHEN computed THEN readings ELSE -readings END) <> 0
) AS different
LEFT JOIN leaf USING (leaf_no)
LIMIT %(limit)s;

-- name: verify_sources
-- How far each source has come: readings that begin on a day, and seconds of it that they cover.
SELECT coalesce(to_jsonb(leaf), '{{}}')
        || jsonb_build_object('source_no', source_no, 'source', source, 'span', span, 'day', day),
    expected, found, count(*) OVER ()
FROM (
    SELECT leaf_no, source_no, span, day,
        sum(readings) FILTER (WHERE computed) || ' in ' || trim_scale(sum(seconds) FILTER (WHERE computed)) || ' s'
            AS expected,
        sum(readings) FILTER (WHERE NOT computed) || ' in '
            || trim_scale(sum(seconds) FILTER (WHERE NOT computed)) || ' s' AS found
    FROM (
        SELECT true AS computed, leaf_no, source_no, reading_span(starts_at, ends_at) AS span, cover.day,
            begins::int AS readings, seconds
        FROM ({counted}) AS counted
        CROSS JOIN LATERAL (
            SELECT counted.day, coalesce(extract(epoch FROM ends_at) - extract(epoch FROM starts_at), 0), true
            WHERE coalesce(ends_at <= day_ends, true)
            UNION ALL
            SELECT * FROM day_cover(starts_at, ends_at) WHERE ends_at > day_ends
        ) AS cover (day, seconds, begins)
        UNION ALL
        SELECT false, leaf_no, source_no, span, day, readings, seconds FROM source_day
    ) AS part
    GROUP BY leaf_no, source_no, span, day
    HAVING sum(CASE WHEN computed THEN readings ELSE -readings END) <> 0
        OR sum(CASE WHEN computed THEN seconds ELSE -seconds END) <> 0
) AS different
LEFT JOIN leaf USING (leaf_no)
LEFT JOIN source USING (source_no)
LIMIT %(limit)s;

-- name: verify_meters
-- What the meters with factors of their own are of the days and hours.
SELECT coalesce(to_jsonb(leaf), '{{}}') || jsonb_build_object('meter', meter, 'day or hour', bucket), expected, found,
    count(*) OVER ()
FROM (
    SELECT leaf_no, meter, bucket,
        sum(quantity) FILTER (WHERE computed) || ' in ' || sum(readings) FILTER (WHERE computed) AS expected,
        sum(quantity) FILTER (WHERE NOT computed) || ' in ' || sum(readings) FILTER (WHERE NOT computed) AS found
    FROM (
        SELECT true AS computed, leaf_no, meter, share.bucket, share AS quantity, begins::int AS readings
        FROM ({counted}) AS counted
        JOIN own_meter USING (category, meter)
        CROSS JOIN LATERAL (
            SELECT day::text, share, begins FROM day_shares(base_quantity, starts_at, ends_at)
            UNION ALL
            SELECT hour::text, share, begins FROM hour_shares(base_quantity, starts_at, ends_at)
        ) AS share (bucket, share, begins)
        WHERE kind = 'energy'
        UNION ALL
        SELECT false, leaf_no, meter, day::text, quantity, readings FROM meter_day
        UNION ALL
        SELECT false, leaf_no, meter, hour::text, quantity, readings FROM meter_hour
    ) AS part
    GROUP BY leaf_no, meter, bucket
    HAVING sum(CASE WHEN computed THEN quantity ELSE -quantity END) <> 0
        OR sum(CASE WHEN computed THEN readings ELSE -readings END) <> 0
) AS different
LEFT JOIN leaf USING (leaf_no)
LIMIT %(limit)s;

-- name: verify_late
SELECT jsonb_build_object('batch_id', batch_id, 'team', team, 'kind', kind, 'category', category),
    expected.figures, found.figures, count(*) OVER ()
FROM (
    SELECT batch_id, team, kind, category,
        (count(*), sum(floor(extract(epoch FROM received_at - coalesce(ends_at, starts_at)) / 86400)),
            min(starts_at), max(received_at), min(written_at))::text AS figures
    FROM measurement
    LEFT JOIN source USING (source_no)
    WHERE revision = 1 AND received_at - coalesce(ends_at, starts_at) > interval '31 days'
    GROUP BY batch_id, team, kind, category
) AS expected
FULL JOIN (
    SELECT batch_id, team, kind, category, (readings, days_late, starts_at, received_at, written_at)::text AS figures
    FROM received_late
) AS found USING (batch_id, team, kind, category)
WHERE expected.figures IS DISTINCT FROM found.figures
LIMIT %(limit)s;

-- name: verify_corrections
SELECT jsonb_build_object('source_no', source_no, 'id', id, 'revision', revision), expected.figures, found.figures,
    count(*) OVER ()
FROM (
    SELECT source_no, id, revision, (
            written_at, batch_id, retracted, starts_at, category, quantity_before, unit_before, quantity_after,
            unit_after
        )::text AS figures
    FROM ledger_correction
) AS expected
FULL JOIN (
    SELECT source_no, id, revision, (
            written_at, batch_id, retracted, starts_at, category, quantity_before, unit_before, quantity_after,
            unit_after
        )::text AS figures
    FROM correction
) AS found USING (source_no, id, revision)
WHERE expected.figures IS DISTINCT FROM found.figures
LIMIT %(limit)s;

-- name: verify_leaves
-- Buckets add up to exactly what was posted, whatever the rule of the split.
SELECT coalesce(to_jsonb(leaf), '{{}}'), expected, found, count(*) OVER ()
FROM (
    SELECT leaf_no,
        sum(quantity) FILTER (WHERE computed) || ' in ' || sum(readings) FILTER (WHERE computed) AS expected,
        sum(quantity) FILTER (WHERE NOT computed) || ' in ' || sum(readings) FILTER (WHERE NOT computed) AS found
    FROM (
        SELECT true AS computed, leaf_no, base_quantity::numeric AS quantity, 1 AS readings
        FROM ({counted}) AS counted
        UNION ALL
        SELECT false, leaf_no, quantity, readings FROM rollup_day
    ) AS part
    GROUP BY leaf_no
    HAVING sum(CASE WHEN computed THEN quantity ELSE -quantity END) <> 0
        OR sum(CASE WHEN computed THEN readings ELSE -readings END) <> 0
) AS different
LEFT JOIN leaf USING (leaf_no)
LIMIT %(limit)s;

-- name: verify_publications
-- What was published is what the ledger says as of then: the highest revisions that were counted by that moment.
SELECT coalesce(to_jsonb(leaf), '{{}}') || jsonb_build_object('publication', publication.name, 'day', day),
    expected, found, count(*) OVER ()
FROM (
    SELECT publication_no, leaf_no, day,
        sum(quantity) FILTER (WHERE computed) || ' in ' || sum(readings) FILTER (WHERE computed) AS expected,
        sum(quantity) FILTER (WHERE NOT computed) || ' in ' || sum(readings) FILTER (WHERE NOT computed) AS found
    FROM (
        SELECT true AS computed, publication_no, leaf_no, share.day, share.share AS quantity,
            begins::int AS readings
        FROM publication
        CROSS JOIN LATERAL (
            SELECT min(starts) AS first, max(ends) AS last
            FROM calendar_day
            WHERE day >= from_day AND day < to_day
        ) AS bounds
        CROSS JOIN LATERAL (
            SELECT amount.*
            FROM measured_amount AS amount
            JOIN batch_log USING (batch_id)
            WHERE recorded_at <= as_of AND NOT retracted AND starts_at < last
                AND coalesce(ends_at, starts_at) >= first
                AND NOT EXISTS (
                    SELECT
                    FROM measurement AS later
                    JOIN batch_log AS later_batch USING (batch_id)
                    WHERE (later.source_no, later.id) = (amount.source_no, amount.id)
                        AND later.revision > amount.revision AND later_batch.recorded_at <= as_of
                )
        ) AS counted
        JOIN source USING (source_no)
        LEFT JOIN leaf
            ON (leaf.team, leaf.site, leaf.kind, leaf.category, coalesce(leaf.flow, ''), leaf.method, leaf.detail,
                leaf.unit)
                = (source.team, counted.site, source.kind, counted.category, coalesce(counted.flow, ''),
                    counted.method, counted.detail, counted.base_unit)
        CROSS JOIN LATERAL day_shares(base_quantity, starts_at, ends_at) AS share (day, share, begins)
        WHERE share.day >= from_day AND share.day < to_day AND (kinds IS NULL OR source.kind = ANY (kinds))
        UNION ALL
        SELECT false, publication_no, leaf_no, day, quantity, readings FROM publication_day
    ) AS part
    GROUP BY publication_no, leaf_no, day
    HAVING sum(CASE WHEN computed THEN quantity ELSE -quantity END) <> 0
        OR sum(CASE WHEN computed THEN readings ELSE -readings END) <> 0
) AS different
LEFT JOIN leaf USING (leaf_no)
LEFT JOIN publication USING (publication_no)
LIMIT %(limit)s;

-- name: verify_counted
-- The amounts that count, each with its leaf and the local day on which it begins. A day is found by the dates in UTC
-- that it touches: a join of sets is ten times as fast as millions of looks at the calendar. Without WITH, so that
-- workers can share it.
SELECT leaf_no, source_no, source.kind, counted.category, counted.meter, base_quantity, starts_at, ends_at, day,
    day_starts, day_ends
FROM ({amounts}) AS counted
JOIN source USING (source_no)
LEFT JOIN leaf
    ON (leaf.team, leaf.site, leaf.kind, leaf.category, coalesce(leaf.flow, ''), leaf.method, leaf.detail, leaf.unit)
        = (source.team, counted.site, source.kind, counted.category, coalesce(counted.flow, ''), counted.method,
            counted.detail, counted.base_unit)
LEFT JOIN (
    SELECT day, starts AS day_starts, ends AS day_ends, (starts AT TIME ZONE 'UTC')::date + later AS utc_day
    FROM calendar_day
    CROSS JOIN (VALUES (0), (1), (2)) AS utc (later)
) AS calendar
    ON utc_day = (starts_at AT TIME ZONE 'UTC')::date AND starts_at >= day_starts AND starts_at < day_ends
WHERE NOT retracted

-- name: verify_of_identities
-- The amounts of the revisions that count, as identities say.
SELECT measured_amount.* FROM measured_amount JOIN identity USING (source_no, id, revision)

-- name: verify_of_highest
-- The same where every identity is of the highest revision of its measurement. Few were ever revised: leaving out what
-- is below their highest takes a fraction of looking for the identity of every row.
SELECT amount.*
FROM measured_amount AS amount
LEFT JOIN (
    SELECT source_no, id, max(revision) AS highest FROM measurement WHERE revision > 1 GROUP BY source_no, id
) AS revised USING (source_no, id)
WHERE revision = coalesce(highest, revision)
