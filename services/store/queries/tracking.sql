-- name: measured_leaves
-- The leaves that a target counts; never a detail.
SELECT *
FROM leaf
WHERE kind = %(kind)s AND coalesce(flow, 'use') = %(flow)s AND NOT detail
    AND (%(team)s::text IS NULL OR team = %(team)s)
    AND (%(site)s::text IS NULL OR site = %(site)s)

-- name: measured_days
-- What was measured on each day, as in the totals.
WITH wanted AS (
    {leaves}
)
SELECT category, method, unit, day, sum(quantity)::text
FROM ({parts}) AS part
JOIN wanted USING (leaf_no)
GROUP BY category, method, unit, day
HAVING sum(quantity) <> 0;

-- name: measured_days_now
SELECT leaf_no, day, quantity
FROM rollup_day
JOIN wanted USING (leaf_no)
WHERE day >= %(from)s AND day < %(to)s

-- name: measured_days_changed
SELECT leaf_no, share.day, sign * share
FROM ({changed}) AS changed
CROSS JOIN LATERAL day_shares(base_quantity, starts_at, ends_at) AS share (day, share, begins)
WHERE share.day >= %(from)s AND share.day < %(to)s

-- name: source_days
-- What each source told of each day. Readings of all methods are one series.
WITH wanted AS (
    {leaves}
)
SELECT wanted.team, source.source, wanted.category, wanted.site, wanted.unit, span, day,
    sum(readings)::bigint AS readings, round(sum(seconds))::bigint AS seconds
FROM ({parts}) AS part
JOIN wanted USING (leaf_no)
JOIN source USING (source_no)
GROUP BY 1, 2, 3, 4, 5, 6, 7
HAVING sum(readings) <> 0 OR sum(seconds) <> 0
ORDER BY 1, 2, 3, 4, 5, 7, 6;

-- name: source_days_now
SELECT leaf_no, source_no, span, day, readings, seconds
FROM source_day
JOIN wanted USING (leaf_no)
WHERE day >= %(from)s AND day < %(to)s

-- name: source_days_changed
-- What later batches changed, with the sign that takes it back.
SELECT leaf_no, source_no, reading_span(starts_at, ends_at), cover.day, sign * begins::int, sign * seconds
FROM ({changed}) AS changed
CROSS JOIN LATERAL day_cover(starts_at, ends_at) AS cover
WHERE cover.day >= %(from)s AND cover.day < %(to)s

-- name: fixed_factors
-- The factor of each category that held at the end of the reference year, else that of the nearest later
-- year, as known at a moment.
SELECT DISTINCT ON (known.kind, known.category) factor_no, known.kind, known.category, version.meter, known.chain,
    known.market, known.base_unit, known.kg_co2e, known.unit, known.base_units_per_unit, known.source,
    known.certainty, version.valid_from, version.valid_to, recorded_at,
    extract(year FROM greatest(known.valid_from, %(reference_day)s::date))::integer AS year
FROM factors_known(coalesce(%(known_at)s::timestamptz, 'infinity')) AS known
JOIN emission_factor AS version USING (factor_no)
WHERE known.valid_to > %(reference_day)s AND known.chain = %(chain)s AND known.market = %(market)s
    AND known.meter IS NULL
ORDER BY known.kind, known.category, known.valid_from;

-- name: tracker_cursor
SELECT batch_no, day, configuration FROM tracker_cursor;

-- name: lock_tracker_cursor
SELECT batch_no, day, configuration FROM tracker_cursor FOR UPDATE;

-- name: move_tracker_cursor
UPDATE tracker_cursor SET batch_no = %(batch_no)s, day = %(day)s, configuration = %(configuration)s;

-- name: tracked_news
-- All that an evaluation can change with: measurements, the local day, the configuration, the factors (which
-- are only ever added).
SELECT (SELECT max(batch_no) FROM batch_log),
    (SELECT day FROM calendar_day WHERE starts <= clock_timestamp() ORDER BY starts DESC LIMIT 1),
    (SELECT max(version) FROM configuration),
    (SELECT count(*) FROM emission_factor);

-- name: batch_recorded
SELECT recorded_at FROM batch_log WHERE batch_no = %s;

-- name: added_since
SELECT coalesce(sum(added), 0)::bigint FROM batch_log WHERE batch_no > %s;

-- name: kinds_touched
SELECT DISTINCT kind
FROM source
WHERE source_no IN (SELECT source_no FROM measurement JOIN batch_log USING (batch_id) WHERE batch_no > %s);

-- name: newest_rows
-- Of each target in force what was stored last.
SELECT target, row FROM current_evaluation;

-- name: alert_states
SELECT target, band, since, factors, definition FROM alert_state;

-- name: insert_evaluation
INSERT INTO evaluation (target, on_day, batch_no, configuration, factors, band, outcome, drift, row, inputs)
VALUES (%(target)s, %(on_day)s, %(batch_no)s, %(configuration)s, %(factors)s, %(band)s, %(outcome)s, %(drift)s,
    %(row)s, %(inputs)s);

-- name: insert_band_change
-- With the evaluation that is the newest of the target now.
INSERT INTO band_change (target, from_band, to_band, since, evaluation_no, worse)
SELECT %(target)s, %(from_band)s, %(to_band)s, %(since)s, max(evaluation_no), %(worse)s
FROM evaluation
WHERE target = %(target)s;

-- name: store_alert_state
INSERT INTO alert_state (target, band, since, factors, definition)
VALUES (%(target)s, %(band)s, %(since)s, %(factors)s, %(definition)s)
ON CONFLICT (target) DO UPDATE
SET band = excluded.band, since = excluded.since, factors = excluded.factors, definition = excluded.definition;

-- name: forget_alert_states
-- Of targets that are not in force.
DELETE FROM alert_state WHERE target <> ALL (%s::text[]);
