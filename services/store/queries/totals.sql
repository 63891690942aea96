-- name: totals
-- The parts: what each leaf has in each bucket, meters with factors of their own apart, and the days in which another
-- factor holds. A row has no CO2e when a part of it has no factor.
-- Weights are whole multiples (`scale` / base units per unit), so that sums stay exact.
WITH wanted AS (
    {leaves}
), factor AS (
    SELECT category, meter, base_unit, valid_from, valid_to,
        kg_co2e * div(%(scale)s::numeric, base_units_per_unit) AS weight
    FROM factors_known(coalesce(%(as_of)s::timestamptz, 'infinity'))
    WHERE kind = %(kind)s AND chain = %(chain)s AND market = %(market)s
), part AS (
    SELECT leaf_no, meter, start, min(day) AS day, sum(quantity) AS quantity, sum(readings) AS readings
    FROM ({parts}) AS part
    GROUP BY leaf_no, meter, start, width_bucket(day, ARRAY(
        SELECT DISTINCT edge FROM factor CROSS JOIN unnest(ARRAY[valid_from, valid_to]) AS edge ORDER BY edge
    ))
)
SELECT part.start,
    CASE WHEN %(by_category)s OR wanted.unit = ANY (%(volumes)s) THEN wanted.category END AS category,
    CASE WHEN %(by_team)s THEN wanted.team END AS team,
    CASE WHEN %(by_site)s THEN wanted.site END AS site,
    CASE WHEN %(by_flow)s THEN wanted.flow END AS flow,
    CASE WHEN %(by_method)s THEN wanted.method END AS method,
    wanted.unit AS base_unit,
    sum(part.quantity) AS base_quantity,
    sum(part.readings)::bigint AS readings,
    CASE WHEN bool_and(current.weight IS NOT NULL OR part.quantity = 0)
        THEN sum(part.quantity * current.weight) END AS current,
    CASE WHEN bool_and(constant.weight IS NOT NULL OR part.quantity = 0)
        THEN sum(part.quantity * constant.weight) END AS constant
FROM part
JOIN wanted USING (leaf_no)
LEFT JOIN factor AS current
    ON current.category = wanted.category AND current.base_unit = wanted.unit
    AND current.meter IS NOT DISTINCT FROM part.meter
    AND part.day >= current.valid_from AND part.day < current.valid_to
    AND coalesce(wanted.flow, 'use') = 'use'
LEFT JOIN factor AS constant
    ON constant.category = wanted.category AND constant.base_unit = wanted.unit
    AND constant.meter IS NOT DISTINCT FROM part.meter
    AND %(reference_day)s >= constant.valid_from AND %(reference_day)s < constant.valid_to
    AND coalesce(wanted.flow, 'use') = 'use'
WHERE part.quantity <> 0 OR part.readings <> 0
GROUP BY 1, 2, 3, 4, 5, 6, 7
HAVING sum(part.quantity) <> 0 OR sum(part.readings) <> 0
ORDER BY 1, 2, 3, 4, 5, 6, 7
LIMIT %(limit)s OFFSET %(offset)s;

-- name: totals_leaves
-- The leaves that a total is of.
SELECT *
FROM leaf
WHERE kind = %(kind)s
    AND (flow IS NULL OR flow = ANY (%(flows)s::text[]))
    AND detail = ANY (%(details)s::boolean[])
    AND (%(team)s::text IS NULL OR team = %(team)s)
    AND (%(site)s::text IS NULL OR site = %(site)s)
    AND (%(category)s::text IS NULL OR category = %(category)s)
    AND (%(method)s::text IS NULL OR method = %(method)s)

-- name: totals_days
SELECT leaf_no, NULL::text AS meter, {start} AS start, day, rollup_day.quantity - coalesce(apart.quantity, 0) AS quantity,
    rollup_day.readings - coalesce(apart.readings, 0) AS readings
FROM rollup_day
JOIN wanted USING (leaf_no)
LEFT JOIN (
    SELECT leaf_no, day, sum(quantity) AS quantity, sum(readings) AS readings
    FROM meter_day
    WHERE day >= %(from)s AND day < %(to)s
    GROUP BY leaf_no, day
) AS apart USING (leaf_no, day)
WHERE day >= %(from)s AND day < %(to)s
UNION ALL
SELECT leaf_no, meter, {start}, day, quantity, readings
FROM meter_day
JOIN wanted USING (leaf_no)
WHERE day >= %(from)s AND day < %(to)s

-- name: totals_months
-- The same with the sums of months, where all of a month is asked for and no other factor begins in it.
WITH broken AS MATERIALIZED (
    SELECT DISTINCT month
    FROM factor
    CROSS JOIN unnest(ARRAY[valid_from, valid_to]) AS edge
    CROSS JOIN LATERAL (SELECT date_trunc('month', edge::timestamp)::date) AS months (month)
    WHERE edge > month AND month >= %(month_from)s AND month < %(month_to)s
)
SELECT leaf_no, part.meter, {start} AS start, part.day, part.quantity, part.readings
FROM wanted
CROSS JOIN LATERAL (
    SELECT NULL::text AS meter, month AS day, quantity, readings
    FROM rollup_month
    WHERE rollup_month.leaf_no = wanted.leaf_no AND month >= %(month_from)s AND month < %(month_to)s
        AND month <> ALL (ARRAY(SELECT month FROM broken))
    UNION ALL
    SELECT NULL, day, quantity, readings
    FROM rollup_day
    WHERE rollup_day.leaf_no = wanted.leaf_no
        AND (day >= %(from)s AND day < least(%(month_from)s, %(to)s) OR day >= %(month_to)s AND day < %(to)s)
    UNION ALL
    SELECT NULL, day, quantity, readings
    FROM broken
    JOIN rollup_day ON rollup_day.leaf_no = wanted.leaf_no AND day >= month AND day < month + interval '1 month'
    UNION ALL
    SELECT side.meter, day, sign * quantity, sign * readings
    FROM meter_day
    CROSS JOIN LATERAL (VALUES (NULL, -1), (meter_day.meter, 1)) AS side (meter, sign)
    WHERE meter_day.leaf_no = wanted.leaf_no AND day >= %(from)s AND day < %(to)s
) AS part

-- name: totals_hours
SELECT leaf_no, meter, hour AS start, day, quantity, readings
FROM (
    SELECT leaf_no, NULL::text AS meter, hour, rollup_hour.quantity - coalesce(apart.quantity, 0) AS quantity,
        rollup_hour.readings - coalesce(apart.readings, 0) AS readings
    FROM rollup_hour
    LEFT JOIN (
        SELECT leaf_no, hour, sum(quantity) AS quantity, sum(readings) AS readings
        FROM meter_hour
        WHERE hour >= %(first_hour)s AND hour < %(end_hour)s
        GROUP BY leaf_no, hour
    ) AS apart USING (leaf_no, hour)
    UNION ALL
    SELECT leaf_no, meter, hour, quantity, readings FROM meter_hour
) AS part
JOIN wanted USING (leaf_no)
CROSS JOIN LATERAL (
    SELECT day FROM calendar_day WHERE starts <= hour ORDER BY starts DESC LIMIT 1
) AS local
WHERE hour >= %(first_hour)s AND hour < %(end_hour)s

-- name: totals_as_of
-- As it was: what counts now, without what later batches changed.
SELECT leaf_no, meter, start, day, sum(quantity) AS quantity, sum(readings) AS readings
FROM (
    {now}
    UNION ALL
    {changes}
) AS part
GROUP BY leaf_no, meter, start, day
HAVING sum(quantity) <> 0 OR sum(readings) <> 0

-- name: totals_changed_days
SELECT leaf_no, meter, {start}, day, sign * share, sign * begins::int
FROM ({changed}) AS changed
CROSS JOIN LATERAL day_shares(base_quantity, starts_at, ends_at)
WHERE day >= %(from)s AND day < %(to)s

-- name: totals_changed_hours
SELECT leaf_no, meter, hour, day, sign * share, sign * begins::int
FROM ({changed}) AS changed
CROSS JOIN LATERAL hour_shares(base_quantity, starts_at, ends_at)
CROSS JOIN LATERAL (
    SELECT day FROM calendar_day WHERE starts <= hour ORDER BY starts DESC LIMIT 1
) AS local
WHERE hour >= %(first_hour)s AND hour < %(end_hour)s AND %(kind)s <> 'medication-waste'

-- name: totals_changed
-- Of every measurement that later batches touched: the amounts that count now (sign -1) and those that
-- counted then (sign 1). With the meter where it has a factor of its own.
SELECT wanted.leaf_no, own_meter.meter, revision.source_no, revision.starts_at, revision.ends_at, amount.base_quantity,
    counted_then::int - counts_now::int AS sign
FROM (
    SELECT source.team, measurement.*,
        revision = max(revision) OVER identity AS counts_now,
        revision IS NOT DISTINCT FROM max(revision) FILTER (WHERE recorded_at <= %(as_of)s) OVER identity
            AS counted_then
    FROM (
        SELECT DISTINCT source_no, id, source.team
        FROM batch_log
        JOIN measurement USING (batch_id)
        JOIN source USING (source_no)
        WHERE recorded_at > %(as_of)s
            AND source.kind = %(kind)s AND (%(team)s::text IS NULL OR source.team = %(team)s)
    ) AS source
    JOIN measurement USING (source_no, id)
    JOIN batch_log USING (batch_id)
    WINDOW identity AS (PARTITION BY source_no, id)
) AS revision
CROSS JOIN LATERAL (
    VALUES (unit, quantity), ('piece', pieces), ('cent', cost)
) AS amount (base_unit, base_quantity)
JOIN wanted ON (wanted.team, wanted.site, wanted.category, wanted.method, wanted.detail, wanted.unit)
        = (revision.team, revision.site, revision.category, revision.method, revision.detail, amount.base_unit)
    AND wanted.flow IS NOT DISTINCT FROM revision.flow
LEFT JOIN own_meter ON %(kind)s = 'energy' AND own_meter.category = revision.category AND own_meter.meter = revision.meter
WHERE counts_now <> counted_then AND NOT retracted AND amount.base_quantity IS NOT NULL

-- name: totals_factor_units
SELECT DISTINCT base_units_per_unit FROM emission_factor WHERE kind = %s;

-- name: totals_bounds
-- The instants between which local days lie; none of the calendar's days: nothing lies between them.
SELECT coalesce(min(starts), 'epoch'), coalesce(max(ends), 'epoch')
FROM calendar_day
WHERE day >= %s AND day < %s;
